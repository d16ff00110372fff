"""Kinds of files that are not read here, and what converts each."""

from pathlib import Path

PANDAS = 'python -c "import pandas; pandas.{reader}({name!r}).to_parquet({parquet!r})"'

R = """Rscript -e 'write.csv(readRDS("{name}"), "{csv}", row.names = FALSE)'"""
R_DATA = """Rscript -e 'write.csv(get(load("{name}")[1]), "{csv}", row.names = FALSE)'"""
LIBREOFFICE = "soffice --headless --convert-to {to} {name}"
LIBSVM = (
    'python -c "import numpy as np; from sklearn.datasets import load_svmlight_file as load; x, y = load({name!r}); '
    'np.savez_compressed({npz!r}, x=x.toarray(), y=y)"'
)
HDF5 = (
    "python -c \"import h5py, numpy as np; f = h5py.File({name!r}); print(list(f)); np.save({npy!r}, f['NAME'])\" "
    "with the NAME of its data set"
)
MATLAB = (
    'python -c "import scipy.io, numpy as np; f = scipy.io.loadmat({name!r}); print(list(f)); np.save({npy!r}, '
    "f['NAME'])\" with the NAME of its variable"
)

CONVERTED_BY = {
    ".rds": ("of R", R),
    ".rdata": ("of R", R_DATA),
    ".rda": ("of R", R_DATA),
    ".sav": ("of SPSS", PANDAS.replace("{reader}", "read_spss")),
    ".zsav": ("of SPSS", PANDAS.replace("{reader}", "read_spss")),
    ".dta": ("of Stata", PANDAS.replace("{reader}", "read_stata")),
    ".sas7bdat": ("of SAS", PANDAS.replace("{reader}", "read_sas")),
    ".xpt": ("of SAS", PANDAS.replace("{reader}", "read_sas")),
    ".orc": ("of ORC", PANDAS.replace("{reader}", "read_orc")),
    ".xls": ("of older versions of Excel", LIBREOFFICE.replace("{to}", "xlsx")),
    ".xlsb": ("of Excel in binary form", LIBREOFFICE.replace("{to}", "xlsx")),
    ".numbers": ("of Apple Numbers", "File > Export To > CSV in Numbers"),
    ".doc": ("a document, not a table", LIBREOFFICE.replace("{to}", "txt")),
    ".docx": ("a document, not a table", LIBREOFFICE.replace("{to}", "txt")),
    ".pdf": ("a document, not a table", "pdftotext -layout {name}"),
    ".pkl": ("a pickle, which can run any code when it is opened; if you trust it", PANDAS),
    ".pickle": ("a pickle, which can run any code when it is opened; if you trust it", PANDAS),
    ".mat": ("of MATLAB", MATLAB),
    ".h5": ("an HDF5 file", HDF5),
    ".hdf5": ("an HDF5 file", HDF5),
    ".svm": ("of LIBSVM", LIBSVM),
    ".libsvm": ("of LIBSVM", LIBSVM),
    ".svmlight": ("of LIBSVM", LIBSVM),
    ".tfrecord": ("of TensorFlow", "tf.data.TFRecordDataset({name!r}) in TensorFlow, which knows its fields"),
    ".tar": ("an archive", "tar xf {name}"),
    ".tgz": ("an archive", "tar xzf {name}"),
    ".tbz2": ("an archive", "tar xjf {name}"),
    ".txz": ("an archive", "tar xJf {name}"),
    ".7z": ("an archive", "7z x {name}"),
    ".rar": ("an archive", "unrar x {name}"),
}
"""What files of each ending are, and what turns them into files that are read."""


def conversion(path: Path) -> str | None:
    """What converts a file of a kind that is not read, in a sentence; None if its ending says nothing.

    >>> conversion(Path("t.tar.gz"))
    't.tar.gz is an archive. It is not read here; this unpacks it: tar xzf t.tar.gz'
    """
    ending, name = path.suffix.lower(), path.name
    if Path(path.stem).suffix.lower() == ".tar" and ending in (".gz", ".bz2", ".xz", ".zst"):
        what, command = "an archive", {".gz": "tar xzf {name}"}.get(ending, "tar xf {name}")
    elif ending in CONVERTED_BY:
        what, command = CONVERTED_BY[ending]
    else:
        return None
    what = what if what.startswith(("a ", "an ")) else f"a file {what}"
    stem = path.stem
    told = command.format(
        name=name,
        reader="read_pickle",
        csv=f"{stem}.csv",
        parquet=f"{stem}.parquet",
        npz=f"{stem}.npz",
        npy=f"{stem}.npy",
    )
    verb = "unpacks" if what == "an archive" else "converts"
    return f"{name} is {what}. It is not read here; this {verb} it: {told}"
