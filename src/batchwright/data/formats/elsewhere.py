"""Kinds of files that are not read here, and what converts each."""

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

PYTHON = 'python -c "{}"'
PANDAS = PYTHON.replace("{}", "import pandas; pandas.READER({text!r}).to_parquet({parquet!r})")
R = """Rscript -e 'write.csv(LOAD("{text}"), "{csv}", row.names = FALSE)'"""
LIBREOFFICE = "soffice --headless --convert-to {} {{name}}"
LIBSVM = PYTHON.replace(
    "{}",
    "import numpy, sklearn.datasets; x, y = sklearn.datasets.load_svmlight_file({text!r}); "
    "numpy.savez_compressed({npz!r}, x=x.toarray(), y=y)",
)
HDF5 = PYTHON.replace("{}", "import h5py, numpy; numpy.save({npy!r}, h5py.File({text!r})['NAME'])")
MATLAB = PYTHON.replace("{}", "import scipy.io, numpy; numpy.save({npy!r}, scipy.io.loadmat({text!r})['NAME'])")

CIFAR = (
    "import numpy as n; f = lambda *s: [n.load({text!r} + '/' + p, allow_pickle=True, encoding='bytes') for p in s]; "
    "t, e = f(*['data_batch_%d' % i for i in range(1, 6)]), f('test_batch'); "
    "x = lambda d: n.concatenate([b[b'data'] for b in d]).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1); "
    "y = lambda d: n.concatenate([b[b'labels'] for b in d]); "
    "n.savez_compressed({npz!r}, x_train=x(t), y_train=y(t), x_test=x(e), y_test=y(e))"
)


class Kind(NamedTuple):
    """A kind of file: what it is called, the command that converts it, and what that does."""

    what: str
    command: str
    does: Literal["converts", "unpacks"] = "converts"


PICKLED = Kind("a pickled object, a program of its writer that runs when it is opened", "")
PICKLED_CIFAR = PICKLED._replace(
    what="the Python version of CIFAR-10, pickled objects, which are programs of their writer that run when they are "
    "opened; its binary version (data_batch_1.bin, ...) is read as it is",
    command=PYTHON.replace("{}", CIFAR),
)
LIBSVM_FILE, DOCUMENT = Kind("a LIBSVM file", LIBSVM), Kind("a document, not a table", LIBREOFFICE.format("txt"))
HDF5_FILE = Kind("an HDF5 file", HDF5 + ", with the name of its data set for NAME")

KINDS = {
    ".rds": Kind("an R file", R.replace("LOAD", "readRDS")),
    ".rdata": Kind("an R file", R.replace("LOAD", "(function(file) get(load(file)[1]))")),
    ".rda": Kind("an R file", R.replace("LOAD", "(function(file) get(load(file)[1]))")),
    ".sav": Kind("an SPSS file", PANDAS.replace("READER", "read_spss")),
    ".zsav": Kind("an SPSS file", PANDAS.replace("READER", "read_spss")),
    ".dta": Kind("a Stata file", PANDAS.replace("READER", "read_stata")),
    ".sas7bdat": Kind("a SAS file", PANDAS.replace("READER({text!r})", "read_sas({text!r}, encoding='infer')")),
    ".xpt": Kind("a SAS file", PANDAS.replace("READER({text!r})", "read_sas({text!r}, encoding='latin1')")),
    ".orc": Kind("an ORC file", PANDAS.replace("READER", "read_orc")),
    ".pkl": PICKLED._replace(command=PANDAS.replace("READER", "read_pickle")),
    ".pickle": PICKLED._replace(command=PANDAS.replace("READER", "read_pickle")),
    ".numbers": Kind("a document of Apple Numbers", "File > Export To > CSV in Numbers"),
    ".doc": DOCUMENT,
    ".docx": DOCUMENT,
    ".pdf": Kind("a document, not a table", "pdftotext -layout {name}"),
    ".mat": Kind("a MATLAB file", MATLAB + ", with the name of its variable for NAME"),
    ".h5": HDF5_FILE,
    ".hdf5": HDF5_FILE,
    ".svm": LIBSVM_FILE,
    ".libsvm": LIBSVM_FILE,
    ".svmlight": LIBSVM_FILE,
    ".tfrecord": Kind("a TensorFlow file", "tf.data.TFRecordDataset({text!r}), with its features"),
    ".tar": Kind("an archive", "tar xf {name}", "unpacks"),
    ".tgz": Kind("an archive", "tar xzf {name}", "unpacks"),
    ".tbz2": Kind("an archive", "tar xjf {name}", "unpacks"),
    ".txz": Kind("an archive", "tar xJf {name}", "unpacks"),
    ".7z": Kind("an archive", "7z x {name}", "unpacks"),
    ".rar": Kind("an archive", "unrar x {name}", "unpacks"),
}
"""What files of each ending are, and what turns them into files that are read."""

TAR = {".gz": ".tgz", ".bz2": ".tbz2", ".xz": ".txz", ".zst": ".tar"}
"""The endings of compressed tar archives, and an ending with the same command."""


def conversion(path: Path) -> str | None:
    """What converts a file of a kind that is not read, in a sentence; None if its ending says nothing.

    >>> conversion(Path("t.tar.gz"))
    't.tar.gz is an archive, which is not read here. This unpacks it: tar xzf t.tar.gz'
    """
    ending = path.suffix.lower()
    kind = KINDS.get(TAR.get(ending, ending) if Path(path.stem).suffix.lower() == ".tar" else ending)
    if kind is None:
        return None
    made = {ending: str(path.with_suffix(f".{ending}")) for ending in ("csv", "parquet", "npz", "npy")}
    told = kind.command.format(name=shlex.quote(str(path)), text=str(path), **made)
    return f"{path.name} is {kind.what}, which is not read here. This {kind.does} it: {told}"


def conversion_of_folder(path: Path, names: Collection[str]) -> str | None:
    """What converts a folder of a kind that is not read, which holds files of these names; None if it is none."""
    if not {"data_batch_1", "test_batch"} <= set(names):
        return None
    told = PICKLED_CIFAR.command.format(text=str(path), npz=f"{path.resolve().name}.npz")
    return f"{path} is {PICKLED_CIFAR.what}. This converts it, if you trust the files: {told}"
