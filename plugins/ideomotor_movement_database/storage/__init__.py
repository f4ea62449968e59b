"""Where demonstrations, trees and graphs are kept."""

from ._bolt import BoltStore as BoltStore
from ._database import MovementDatabase as MovementDatabase
from ._ladybug import LadybugStore as LadybugStore
from ._record import Record as Record
from ._record import Snapshot as Snapshot
from ._store import AbstractGraphStore as AbstractGraphStore
from ._store import GraphBusyError as GraphBusyError
from ._store import MemoryStore as MemoryStore
