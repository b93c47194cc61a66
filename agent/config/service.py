"""The Realtime service that calls connect to: one type for the primary and for the fallback."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from agent.config.environment import Api, EnvironmentName, SettingsGroup, read_group
from agent.config.sources import SourcedValue
from agent.errors import Problem
from agent.realtime.connection.credentials import ApiKey, Credential, EntraToken
from agent.realtime.connection.endpoint import (
    AZURE_PREVIEW_VERSION,
    OPENAI_URL,
    Endpoint,
    azure_endpoint,
    openai_endpoint,
)
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.protocol.dialects import AZURE_GA, AZURE_PREVIEW, DIALECTS, OPENAI_GA, Dialect
from agent.realtime.protocol.parameters import SessionParameters
from agent.realtime.protocol.rules import Context

DialectName = Literal["openai_ga", "azure_ga", "azure_preview", "openai_beta"]
ServiceKind = Literal["openai", "azure", "compatible"]

_AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_OPENAI_HOST = "api.openai.com"
_ROTATED = "read again for each connection, so that a rotated key is taken"


class ServiceSettings(SettingsGroup):
    """Everything that is needed to connect to a Realtime service.

    A service of Azure's API reads its address and key from the ``AZURE_OPENAI_*`` names, any other
    from the ``OPENAI_*`` names.
    """

    dialect_name: Annotated[
        DialectName,
        EnvironmentName(
            "REALTIME_DIALECT",
            "The spelling that the service speaks; follows from the rest if empty",
            fallback="REALTIME_FALLBACK_DIALECT",
            fallback_effect="As REALTIME_DIALECT; follows from the rest if empty",
            default="",
        ),
    ] = "openai_ga"
    kind: Annotated[
        ServiceKind,
        EnvironmentName(
            "REALTIME_SERVICE",
            "Whose lists of voices and models hold; follows from the host if empty,"
            " `compatible` holds none",
            default="",
        ),
    ] = "openai"
    """Follows from ``dialect_name`` and the host of ``base_url`` if it is not given."""
    unsupported: Annotated[
        Literal["error", "drop"],
        EnvironmentName(
            "REALTIME_UNSUPPORTED",
            "What to do with a parameter that the dialect or the model lacks",
        ),
    ] = "error"
    model: Annotated[
        str,
        EnvironmentName(
            "REALTIME_MODEL",
            fallback="REALTIME_FALLBACK_MODEL",
            fallback_effect="Another model, taken when the service is gone for good",
        ),
    ] = ""
    """Empty if it is not known which model an Azure deployment holds."""
    api_key: Annotated[
        SecretStr,
        EnvironmentName(
            "OPENAI_API_KEY",
            "The key of OpenAI's API",
            api="openai",
            fallback="REALTIME_FALLBACK_API_KEY",
            fallback_effect="The key of the other server or resource",
        ),
        EnvironmentName(
            "AZURE_OPENAI_API_KEY",
            "The resource's key",
            api="azure",
            fallback="REALTIME_FALLBACK_API_KEY",
        ),
    ] = SecretStr("")
    api_key_file: Annotated[
        str,
        EnvironmentName(
            "OPENAI_API_KEY_FILE",
            f"The file of OPENAI_API_KEY; {_ROTATED}",
            api="openai",
            fallback="REALTIME_FALLBACK_API_KEY_FILE",
            fallback_effect=f"The file of REALTIME_FALLBACK_API_KEY; {_ROTATED}",
        ),
        EnvironmentName(
            "AZURE_OPENAI_API_KEY_FILE",
            f"The file of AZURE_OPENAI_API_KEY; {_ROTATED}",
            api="azure",
            fallback="REALTIME_FALLBACK_API_KEY_FILE",
        ),
    ] = ""
    base_url: Annotated[
        str,
        EnvironmentName(
            "OPENAI_BASE_URL",
            "OpenAI's API or a server compatible to it",
            api="openai",
            fallback="REALTIME_FALLBACK_BASE_URL",
            fallback_effect="Another server that speaks OpenAI's API, with"
            " REALTIME_FALLBACK_API_KEY",
            default=OPENAI_URL,
            is_url=True,
        ),
        EnvironmentName(
            "AZURE_OPENAI_ENDPOINT",
            "https://NAME.openai.azure.com",
            api="azure",
            fallback="REALTIME_FALLBACK_AZURE_ENDPOINT",
            fallback_effect="Another Azure resource",
            is_url=True,
        ),
    ] = ""
    """OpenAI's own URL if it is not given and the dialect is not Azure's."""
    auth: Annotated[
        Literal["key", "entra"],
        EnvironmentName(
            "AZURE_OPENAI_AUTH",
            "What proves who calls: the resource's key, or a token of Entra ID"
            " (realtime-agent[entra])",
        ),
    ] = "key"
    """Applies to Azure's dialects only."""
    deployment: Annotated[
        str,
        EnvironmentName(
            "AZURE_OPENAI_DEPLOYMENT",
            "The deployment of the speech model",
            fallback="REALTIME_FALLBACK_AZURE_DEPLOYMENT",
            fallback_effect="Another deployment",
        ),
    ] = ""
    api_version: Annotated[
        str,
        EnvironmentName(
            "OPENAI_API_VERSION",
            "Azure's api-version; named, it selects azure_preview",
            alias="AZURE_OPENAI_API_VERSION",
            fallback="REALTIME_FALLBACK_AZURE_API_VERSION",
            fallback_effect="As OPENAI_API_VERSION",
        ),
    ] = ""

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, values: Any) -> Any:
        """Fill in ``base_url`` and ``kind`` where they follow from the rest."""
        if not isinstance(values, dict):
            return values
        dialect = DIALECTS.get(values.get("dialect_name", OPENAI_GA.name), OPENAI_GA)
        base_url = values.get("base_url") or ("" if dialect.azure else OPENAI_URL)
        kind = values.get("kind") or _kind(dialect, str(base_url))
        return {**values, "base_url": base_url, "kind": kind}

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.dialect_name]

    @property
    def is_closed(self) -> bool:
        """Whether the provider's own lists of voices and models hold."""
        return self.kind != "compatible"

    @property
    def uses_entra(self) -> bool:
        return self.dialect.azure and self.auth == "entra"

    @property
    def context(self) -> Context:
        """What the rules depend on besides the dialect."""
        return Context(model=self.model, closed=self.is_closed)

    @property
    def endpoint(self) -> Endpoint:
        """Where calls go, with the key that belongs there."""
        if self.dialect.azure:
            return azure_endpoint(
                self.dialect,
                self.base_url,
                self.deployment,
                self._credential,
                self.api_version or AZURE_PREVIEW_VERSION,
                self.context,
            )
        return openai_endpoint(
            self.dialect, self.base_url, self.model, self._credential, self.context
        )

    def service_target(self, session: SessionParameters) -> ServiceTarget:
        """This service and the ``session`` to use with it."""
        return ServiceTarget(self.endpoint, session)

    @property
    def _credential(self) -> Credential:
        if self.uses_entra:
            return EntraToken()
        file = Path(self.api_key_file) if self.api_key_file else None
        return ApiKey(self.api_key.get_secret_value(), self.dialect.azure, file)


def read_service(given: Mapping[str, SourcedValue], problems: list[Problem]) -> ServiceSettings:
    """The primary service, as ``given`` describes it."""
    dialect = service_dialect(given)
    api: Api = "azure" if dialect.azure else "openai"
    return read_group(ServiceSettings, given, problems, api=api, dialect_name=dialect.name)


def service_dialect(given: Mapping[str, SourcedValue]) -> Dialect:
    """The dialect that REALTIME_DIALECT names, or that the other names imply."""
    named = given.get("REALTIME_DIALECT")
    if named is not None and named.text in DIALECTS:
        return DIALECTS[named.text]
    if "AZURE_OPENAI_ENDPOINT" not in given:
        return OPENAI_GA
    return AZURE_PREVIEW if "OPENAI_API_VERSION" in given else AZURE_GA


def host_of(url: str) -> str:
    """The host that ``url`` names; empty where it names none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _kind(dialect: Dialect, base_url: str) -> ServiceKind:
    if dialect.azure:
        host = host_of(base_url) or _AZURE_HOSTS[0]
        return "azure" if host.endswith(_AZURE_HOSTS) else "compatible"
    host = host_of(base_url)
    is_openai = host == _OPENAI_HOST or host.endswith(f".{_OPENAI_HOST}")
    return "openai" if is_openai else "compatible"
