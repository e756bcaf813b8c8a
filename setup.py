"""What cliproxy is, for the packaging tools. Tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "cliproxy" / "__init__.py").read_text(), re.MULTILINE)[1]

TEST = [
    "anthropic",
    "docutils",
    "google-genai",
    "hypothesis",
    "openai",
    "pydantic",
    "pytest",
    "trustme",
    "websockets",
]

setup(
    name="cliproxy",
    version=VERSION,
    description="One local endpoint for coding agents, over a pool of the operator's own credentials",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    author="cliproxy maintainers",
    license="MIT",
    license_files=["LICENSE"],
    keywords="twisted proxy llm openai anthropic gemini claude codex amp",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Environment :: No Input/Output (Daemon)",
        "Framework :: Twisted",
        "Intended Audience :: Developers",
        "Operating System :: POSIX",
        "Operating System :: MacOS",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: Proxy Servers",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    # The plugin lives in Twisted's own package. package_dir must be spelled out: without it an editable install hides the
    # plugin. There must never be a twisted/__init__.py or a twisted/plugins/__init__.py here.
    packages=[*find_packages(include=["cliproxy", "cliproxy.*"]), "twisted.plugins"],
    package_dir={"": "."},
    package_data={"cliproxy": ["py.typed", "routing/*.json", "console/files/*"]},
    install_requires=[
        "attrs>=23.1",
        "bcrypt>=4.0",
        "backports.zstd>=1.0; python_version < '3.14'",
        "bpe-openai>=0.1.4",
        "brotli>=1.2",
        "cryptography>=42",
        "google-re2>=1.1.20251105",
        "klein>=24.8",
        "msgspec>=0.19",
        "orjson>=3.11.6",
        "prometheus-client>=0.22",
        "PyYAML>=6.0",
        "ruamel.yaml>=0.18",
        "tomlkit>=0.12",
        "treq>=22.1",
        "Twisted[tls]>=26.4",
        "werkzeug>=3.1.6",
    ],
    extras_require={
        "prices": ["genai-prices>=0.2.3"],
        "test": TEST,
        "dev": [
            *TEST,
            "build",
            "mypy",
            "mypy-zope",
            "readme-renderer",
            "ruff",
            "towncrier",
            "types-PyYAML",
        ],
    },
    entry_points={"console_scripts": ["cliproxy = cliproxy.cli.main:main"]},
    zip_safe=False,
)
