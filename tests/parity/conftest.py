"""What the tests of both engines share: an installation an engine, or the reason to skip."""

import pytest

from orchestration.errors import CareWarehouseError
from orchestration.settings import ENGINES, Settings, load_settings
from orchestration.warehouse import prepare_engine


@pytest.fixture(scope="module", params=ENGINES)
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """An empty installation on each engine; skipped with the reason where one cannot run."""
    data_dir = tmp_path_factory.mktemp(request.param)
    settings = load_settings({"CARE_DATA_DIR": str(data_dir), "CARE_ENGINE": request.param})
    try:
        prepare_engine(settings)
    except CareWarehouseError as error:
        pytest.skip(str(error))
    return settings
