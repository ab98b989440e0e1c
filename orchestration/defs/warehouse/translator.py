"""How a dbt node appears in Dagster: key `[layer, name]`; group and owners as its YAML says.

Running dbt does not belong here.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator

LAYERS = ("staging", "intermediate", "marts")


class LayeredTranslator(DagsterDbtTranslator):
    """Keys by layer and name; a source is the ledger asset that fills it."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        node = dbt_resource_props
        if node["resource_type"] == "source":
            declared = _dagster_meta(node).get("asset_key")
            return dg.AssetKey(declared or [node["source_name"], node["name"]])
        if node["resource_type"] == "seed":
            return dg.AssetKey(["value_sets", node["name"]])
        return dg.AssetKey([_layer(node), node["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return "value_sets"
        return super().get_group_name(dbt_resource_props)

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The YAML description alone; the SQL is a click away in the repository."""
        return str(dbt_resource_props.get("description", ""))


def _layer(node: Mapping[str, Any]) -> str:
    layer = str(node["fqn"][1])
    if layer not in LAYERS:
        raise dg.DagsterInvalidDefinitionError(
            f"{node['original_file_path']}: {layer!r} is not a layer. Move the model to one of"
            f" models/{{{','.join(LAYERS)}}}."
        )
    return layer


def _dagster_meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = {**node.get("meta", {}), **node.get("config", {}).get("meta", {})}
    found: Mapping[str, Any] = meta.get("dagster", {})
    return found
