"""What this project costs and gains, beside a plain livekit-agents worker in the same run."""
