"""Work for the processes and machines of a dask cluster, and what each does with it.

Who does what, what is repeated when a worker dies and what is sent where is all up
to dask.distributed.
"""

import pickle
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_vdsr.errors import FileError, InputError, VdsrError
from napari_vdsr.files.partial_zarr import Chunk
from napari_vdsr.options import RunOptions

if TYPE_CHECKING:
    from napari_vdsr.inference.upscaler import Upscaler

_PATIENCE = 30  # seconds to wait for a scheduler, the first worker or a next chunk
_LOOK = 0.02  # seconds
_PREFIX = "vdsr-model-"


class UpscaleSettings:
    """Options with their model, as they are sent to workers.

    When they are sent, the model is pickled by itself, so that a scheduler that passes
    them on need not import what it is made of.
    """

    def __init__(self, options: RunOptions) -> None:
        self._sent: tuple[RunOptions, bytes] | None = None  # as it arrived
        self.options = options
        self.key = f"{_PREFIX}{options.key}"  # equal for equal options

    def __getstate__(self) -> dict[str, Any]:
        sent = self._sent  # not loaded by a scheduler, which passes it on
        if sent is None:
            sent = replace(self.options, model=""), pickle.dumps(self.options.model)
        return {"key": self.key, "_sent": sent}

    @cached_property
    def options(self) -> RunOptions:
        """As they arrived in this process."""
        assert self._sent is not None
        options, model = self._sent
        return replace(options, model=pickle.loads(model))


def upscaler_for(settings: UpscaleSettings) -> "Upscaler":
    """The upscaler of this process for these settings, made when first needed.

    Raises `InputError` when this machine cannot do what the settings say.
    """
    from napari_vdsr.inference.device import available_devices, limit_threads
    from napari_vdsr.inference.upscaler import kept_upscaler

    options, key = settings.options, settings.key.removeprefix(_PREFIX)
    worker = of_distributed("get_worker")
    if worker is not None:
        if of_distributed("default_client") is None:
            # A process with a client is somebody's own, and outlives its workers.
            limit_threads(worker.state.nthreads)
        if options.device == "auto":
            device = own_device(worker.name, available_devices())
            options, key = replace(options, device=device), f"{key} {device}"
    return kept_upscaler(options, key)


def of_distributed(name: Literal["get_worker", "default_client"]) -> Any:
    """The worker that runs this, or the client that computes; None if there is none."""
    if "distributed" not in sys.modules:
        return None
    import distributed

    try:
        return getattr(distributed, name)()
    except ValueError:
        return None


def own_device(name: object, devices: Sequence[str]) -> str:
    """The device of a worker: each its own, where a machine has several.

    Workers that are started together are numbered: 0, 1, 2 or name-0, name-1, name-2;
    one without a name is called by its address. `devices` are those of its machine,
    the best first.

    Examples
    --------
    >>> own_device("node-3", ["cuda:0", "cuda:1", "cpu"])
    'cuda:1'
    """
    kind = devices[0].split(":")[0]
    alike = [device for device in devices if device.split(":")[0] == kind]
    number = re.search(r"(^|-)(\d+)$", str(name))
    return alike[int(number[2]) % len(alike) if number else 0]


MakeChunk = Callable[[UpscaleSettings, int, Chunk], int]
"""Makes a chunk of a level in whatever process it is sent to; gives its checksum."""


class Cluster:
    """The workers that a connected client of dask.distributed reaches."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sent: dict[str, Any] = {}  # by the key of the settings

    def agree_on_precision(self, options: RunOptions, *places: Path) -> RunOptions:
        """The options with the precision that all workers use, asked before any work.

        Raises `VdsrError` when there is no worker or one cannot do the work,
        `InputError` when they differ, and `FileError` when one does not see one of the
        places.
        """
        client = self._client
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise VdsrError(
                f"the scheduler {client.scheduler.address} has no workers: start some"
            ) from error
        asked = {
            address: client.submit(
                _probe_worker,
                self._shared(options),
                [str(place) for place in places],
                workers=[address],
                pure=False,
            )
            for address in client.scheduler_info(n_workers=-1)["workers"]
        }
        precisions = {}
        for address, future in asked.items():
            try:
                found = future.result()
            except Exception as error:
                raise VdsrError(
                    f"worker {address} cannot do the work ({error}): install the same "
                    "version of napari-vdsr there"
                ) from error
            if isinstance(found, VdsrError):
                raise type(found)(f"worker {address}: {found}")
            unseen, precisions[address] = found
            if unseen:
                raise FileError(
                    f"worker {address} does not see {unseen[0]}: the source and the "
                    "folder of the result have to be on a disk that all workers share, "
                    "under the same path"
                )
        if len(set(precisions.values())) > 1:
            listed = ", ".join(f"{who}: {what}" for who, what in precisions.items())
            raise InputError(
                f"the workers differ in precision ({listed}): say which one to use"
            )
        return replace(options, precision=next(iter(precisions.values())))

    def make_all(
        self,
        make: MakeChunk,
        options: RunOptions,
        level: int,
        chunks: Sequence[Chunk],
    ) -> Iterable[tuple[Chunk, int]]:
        """Make chunks of a level, wherever dask likes; gives each with its checksum."""
        futures = self._client.map(
            partial(_make, make),
            chunks,
            settings=self._shared(options),
            level=level,
            pure=False,
        )
        which = dict(zip((future.key for future in futures), chunks, strict=True))
        try:
            for future, checksum in self._finished(futures):
                if isinstance(checksum, VdsrError):
                    raise checksum
                if future.status != "finished":
                    self._check_alive()
                    raise VdsrError(f"a worker could not make a chunk: {checksum}")
                yield which[future.key], checksum
        finally:
            self._client.cancel(futures)

    def _finished(self, futures: list[Any]) -> Iterator[tuple[Any, Any]]:
        """Futures and what they gave, one after another; VdsrError if nobody is left.

        dask itself waits for ever for workers that may come.
        """
        done = _distributed().as_completed(
            futures, loop=self._client.loop, with_results=True
        )
        alive = time.monotonic()
        while not done.is_empty():
            if done.has_ready():
                yield from done.next_batch(block=False)
                alive = time.monotonic()
                continue
            time.sleep(_LOOK)
            if time.monotonic() - alive > _PATIENCE:
                self._check_alive()
                alive = time.monotonic()

    def _check_alive(self) -> None:
        """Raise `VdsrError` when the scheduler is gone, or has no workers left."""
        client = self._client
        try:
            workers = client.sync(client.scheduler.identity, callback_timeout=_PATIENCE)
        except Exception as error:  # whatever a broken connection leads to
            raise VdsrError(
                f"the scheduler {client.scheduler.address} is gone ({error}); run the "
                "same command again, which resumes it"
            ) from error
        if not workers["workers"]:
            raise VdsrError(
                f"the scheduler {client.scheduler.address} has no workers any more: "
                "start some, and run the same command again, which resumes it"
            )

    def _shared(self, options: RunOptions) -> Any:
        """The options as settings, weights included, where each worker gets it once.

        A task and not scattered data: dask makes it again when the worker that holds
        it dies.
        """
        settings = UpscaleSettings(options)
        if settings.key not in self._sent:
            sent = self._client.submit(_itself, settings, pure=False)
            self._sent[settings.key] = sent
        return self._sent[settings.key]


def _itself(settings: UpscaleSettings) -> UpscaleSettings:
    return settings


def _or_its_error(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a task return the errors that are for the user.

    Of one that raises them, dask would write a traceback into the worker's log.
    """

    @wraps(function)
    def task(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except VdsrError as error:
            return error

    return task


@_or_its_error
def _probe_worker(
    settings: UpscaleSettings, places: Sequence[str]
) -> tuple[list[str], str]:
    """The places that a worker does not see, and its precision."""
    unseen = [place for place in places if not Path(place).exists()]
    return unseen, upscaler_for(settings).options.precision


@_or_its_error
def _make(
    make: MakeChunk, chunk: Chunk, *, settings: UpscaleSettings, level: int
) -> int:
    return make(settings, level, chunk)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise VdsrError(
            "working on several processes or machines needs the package distributed: "
            'pip install "napari-vdsr[distributed]"'
        ) from error
    return distributed


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """Use the workers of a running scheduler, such as "tcp://10.0.0.1:8786".

    Raises `VdsrError` when none answers there, or distributed is not installed.
    """
    distributed = _distributed()
    try:
        _check_address(address)
        client = distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise VdsrError(f"no scheduler answers at {address}: {error}") from error
    with client:
        yield Cluster(client)


def _check_address(address: str) -> None:
    """Raise ValueError for what can be no address.

    A client that was given one is closed by Python after a minute, with a traceback.
    """
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    scheme, place = parse_address(address)
    get_backend(scheme)
    host, _ = parse_host_port(place)
    if not host:
        raise ValueError("give host and port, as in tcp://10.0.0.1:8786")


@contextmanager
def started(workers: int) -> Iterator[Cluster]:
    """Start worker processes on this machine, for as long as they are needed."""
    from napari_vdsr.inference.device import usable_threads

    distributed = _distributed()
    cluster = distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=max(1, usable_threads() // workers),
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs="ERROR",
    )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield Cluster(client)
