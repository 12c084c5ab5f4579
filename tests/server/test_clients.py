"""Both Python clients, ours and MONAI Label's own, against our app on a real socket."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from monailabel.client import MONAILabelClient
from monailabel.client.client import MONAILabelClientException

from her2_core.bundle import unpack_saliency, write_bundle
from her2_core.client import Her2Client
from her2_core.client_errors import Refused
from her2_core.errors import BadInput
from her2_core.prognosis import Prognosis
from her2_core.requests_transport import RequestsTransport
from support.bundles import bundle
from support.predictions import FakeEngine, predicted
from support.servers import running

pytestmark = pytest.mark.server


def test_our_client_predicts() -> None:
    with running(FakeEngine()) as url:
        client = Her2Client(RequestsTransport(url))
        assert client.health() == (True, True)
        assert client.info()["name"] == "HER2 Response"
        result = client.predict(bundle())
    expected = predicted(bundle())
    assert result.prognosis == expected.prognosis
    np.testing.assert_array_equal(
        result.saliency.maps["saliency/0000.npy"], expected.saliency.maps["saliency/0000.npy"]
    )


def test_our_client_gets_the_servers_reason() -> None:
    engine = FakeEngine(error=BadInput("no lesion has a box", hint="Draw one."))
    with running(engine) as url, pytest.raises(Refused, match=r"no lesion has a box\. Draw one\."):
        Her2Client(RequestsTransport(url)).predict(bundle())


def test_monai_labels_own_client_predicts(tmp_path: Path) -> None:
    path = tmp_path / "case.her2"
    write_bundle(path, bundle())
    with running(FakeEngine()) as url:
        client = MONAILabelClient(url, tmpdir=str(tmp_path), client_id="workstation-1")
        assert "her2_response" in client.info()["models"]
        saved, params = client.infer("her2_response", "", {}, file=str(path))
    expected = predicted(bundle())
    assert Prognosis.from_json(params) == expected.prognosis
    assert Path(saved).parent == tmp_path
    assert len(unpack_saliency(Path(saved).read_bytes()).maps) == 15


def test_monai_labels_own_client_gets_errors_as_errors(tmp_path: Path) -> None:
    path = tmp_path / "case.her2"
    path.write_bytes(b"no bundle")
    with running(FakeEngine()) as url:
        client = MONAILabelClient(url, tmpdir=str(tmp_path))
        with pytest.raises(MONAILabelClientException) as caught:
            client.infer("her2_response", "", {}, file=str(path))
    assert "422" in caught.value.msg
    assert "not a bundle" in caught.value.msg
