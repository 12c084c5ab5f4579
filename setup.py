"""Package definition: a light base for Slicer and the command line, extras for everything heavier."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = next(
    line.split('"')[1]
    for line in (ROOT / "her2_core" / "__init__.py").read_text(encoding="utf-8").splitlines()
    if line.startswith("__version__")
)

LIGHT = ["numpy>=1.22", "pydicom>=2.4", "requests>=2.28", "SimpleITK>=2.3", "tqdm>=4.64"]
STUDY = [
    "torch>=2.10",
    "torchvision>=0.25",
    "monai>=1.5.2",
    "safetensors>=0.4",
    "psutil>=5.9",
    "lifelines>=0.30",
    "scikit-learn>=1.4",
    "scipy>=1.15",
    "pandas>=2.0",
    "matplotlib>=3.8",
    "jinja2>=3.1",
    "pydantic>=2.6",
]
SERVER = [
    *STUDY,
    "monailabel==0.8.5",
    "numpy<2",
    "pydicom<3",
    "dicomweb-client<0.61",
    "pynetdicom<3",
    "fastapi>=0.110",
    "uvicorn>=0.29",
    "python-multipart>=0.0.9",
]
LIGHT_TEST = ["pytest>=8", "hypothesis>=6.100"]
TEST = [*LIGHT_TEST, "captum>=0.7", "httpx>=0.27", "pytest-xdist>=3.5", "torchsurv>=0.2"]

setup(
    name="her2-response",
    version=VERSION,
    description="Overall survival on anti-HER2 therapy from several lesions over several CT time points. Research use only.",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.9",
    packages=find_packages(include=["her2_core", "her2_core.*"]),
    package_data={"her2_core": ["py.typed", "**/*.html.j2", "**/*.css", "**/*.json"]},
    install_requires=LIGHT,
    extras_require={
        "study": STUDY,
        "server": SERVER,
        "light-test": LIGHT_TEST,
        "test": TEST,
        "dev": [*TEST, "ruff>=0.6", "mypy>=1.11", "vermin>=1.6", "pre-commit>=3.7"],
    },
    entry_points={"console_scripts": ["her2=her2_core.cli.main:main"]},
)
