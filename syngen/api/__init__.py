"""The public functions. Each imports what it needs when it is called: ``import syngen`` costs nothing."""

from __future__ import annotations

from syngen.api.audits import audit_dataset, audit_leakage, audit_recipe
from syngen.api.comparisons import compare
from syngen.api.datasets import export, from_manifest, load, render, statistics
from syngen.api.downloads import download
from syngen.api.evaluation import encode, evaluate, probe
from syngen.api.generation import estimate, generate, repair, verify
from syngen.api.recipes import expand
from syngen.api.releases import check_release, compare_releases, release
from syngen.api.speech import voices
from syngen.resolving.load import load_recipe

__all__ = [
    "audit_dataset",
    "audit_leakage",
    "audit_recipe",
    "check_release",
    "compare",
    "compare_releases",
    "download",
    "encode",
    "estimate",
    "evaluate",
    "expand",
    "export",
    "from_manifest",
    "generate",
    "load",
    "load_recipe",
    "probe",
    "release",
    "render",
    "repair",
    "statistics",
    "verify",
    "voices",
]
