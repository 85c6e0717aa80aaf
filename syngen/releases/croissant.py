"""croissant.json: the release as machines read it, Croissant 1.1 with the fields of responsible AI.

Loaded with ``mlcroissant`` it gives the rows of the manifest, numbered, and the audio of the observations
by the same numbers. Written by hand: the library that reads it is for tests only. It joins two sources only
where both have the same column of text, and reads no JSON inside of archives, so joining is left to the
reader.

References
----------
https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and croissant-rai-spec.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from syngen.releases.metadata import ReleaseMetadata, engine_sentences, limits, uses
from syngen.storage.layout import series_names
from syngen.storage.tables.columns import SPOKEN, STORED

if TYPE_CHECKING:
    from syngen._typing import Json

__all__ = ["croissant"]

_CONTEXT: dict[str, object] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "annotation": "cr:annotation",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "value": "cr:value",
}
_PARQUET = "application/x-parquet"
_ROW = r"^(?:.*/)?([0-9]+)\.[a-z]+$"


def croissant(subject: ReleaseMetadata) -> Json:
    """Return the document of a release.

    Parameters
    ----------
    subject : ReleaseMetadata
    """
    release = subject.release
    licence = subject.licence
    authors = [{"@type": _kind_of(name), "name": name} for name in release.authors]
    content: Json = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": subject.name,
        "alternateName": subject.title,
        "description": subject.summary,
        "version": release.version,
        "creator": authors,
        "publisher": authors,
        "keywords": list(subject.keywords),
        "citeAs": subject.citation,
        "isLiveDataset": False,
    }
    if licence:
        content["license"] = licence[1]
    if release.date:
        content["datePublished"] = release.date
    if release.url:
        content["url"] = release.url
    if subject.is_spoken:
        content["inLanguage"] = "en"
    content |= _responsible(subject)
    content["distribution"] = _distribution(subject)
    sets = (_splits, _factors, _manifest, _observations)
    content["recordSet"] = [make(subject) for make in sets]
    return content


def _kind_of(name: str) -> str:
    return "sc:Person" if ", " in name else "sc:Organization"


def _responsible(subject: ReleaseMetadata) -> Json:
    versions = ", ".join(f"{name} {version}" for name, version in subject.description.versions.items())
    return {
        "rai:dataCollection": (
            "Nothing was collected. Every observation was computed from the recipe in recipe.yaml by "
            f"{versions}."
        ),
        "rai:dataCollectionType": "Others",
        "rai:dataCollectionMissingData": (
            "None. The points of the factor grid that the recipe leaves out are documented by it."
        ),
        "rai:dataPreprocessingProtocol": (
            "None beyond the conversion to 16-bit samples; amplitude is not normalised, because it may be "
            "a factor."
        ),
        "rai:dataAnnotationProtocol": (
            "Factors are not annotated but known: they are what the synthesizer was given. Words and "
            "phones of speech, where there are any, are the synthesizer's own account."
        ),
        "rai:machineAnnotationTools": [f"syngen {subject.description.versions['syngen']}"],
        "rai:dataUseCases": uses(subject),
        "rai:dataLimitations": limits(subject),
        "rai:dataBiases": (
            "Values of factors are as frequent as the recipe makes them; README.md has tables and pictures "
            "of how many observations each has."
        ),
        "rai:personalSensitiveInformation": (
            "None: no person was recorded. "
            if subject.engine in (None, "espeak")
            else "Nothing but what may be in the voices. "
        )
        + engine_sentences(subject),
        "rai:dataManipulationProtocol": (
            "None: every observation is published as it was rendered, whatever it sounds like."
        ),
        "rai:dataSocialImpact": (
            "Little is to be expected: the data is synthetic and meant for research on representations."
        ),
        "rai:dataReleaseMaintenancePlan": (
            "A release never changes. Another version has another number, and syngen release diff says "
            "what differs; the recipe makes the audio again where every copy is lost."
        ),
    }


def _distribution(subject: ReleaseMetadata) -> list[Json]:
    codec = subject.description.codec
    shards = [f"audio/{shard.name}.tar" for shard in subject.description.shards]
    found: list[Json] = []
    for name, (size, sha256) in subject.files.items():
        found.append(
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "contentUrl": name,
                "contentSize": f"{size} B",
                "encodingFormat": _format_of(name),
                "sha256": sha256,
            }
        )
    found.append(
        {
            "@type": "cr:FileSet",
            "@id": "audio-files",
            "name": "audio-files",
            "description": "The audio of every observation, named by its row.",
            "containedIn": [{"@id": name} for name in shards],
            "encodingFormat": f"audio/{codec}",
            "includes": f"*.{codec}",
        }
    )
    return found


def _format_of(name: str) -> str:
    suffix = name.rpartition(".")[2]
    formats = {"parquet": _PARQUET, "tar": "application/x-tar", "json": "application/json"}
    return formats.get(suffix, "text/yaml" if suffix == "yaml" else "text/plain")


def _splits(subject: ReleaseMetadata) -> Json:
    fields = [
        _field("splits/name", "Name of the split.", "sc:Text"),
        _field("splits/observations", "Number of its observations.", "sc:Integer"),
    ]
    rows = [{"name": name, "observations": count} for name, count in subject.description.counts.items()]
    return _record_set(
        "splits", "The splits that observations are stored by.", fields, data_type="cr:Split", rows=rows
    )


def _factors(subject: ReleaseMetadata) -> Json:
    fields = [
        _field("factors/name", "Name of the factor.", "sc:Text"),
        _field("factors/kind", "nominal, ordinal or continuous.", "sc:Text"),
        _field("factors/unit", "Unit of its values, if they have one.", "sc:Text"),
        _field("factors/size", "Number of its values.", "sc:Integer"),
    ]
    rows = [
        {"name": factor.name, "kind": factor.kind, "unit": factor.unit or "", "size": factor.size}
        for factor in subject.vocabulary.grid.factors
    ]
    return _record_set("factors", "The generative factors.", fields, rows=rows)


def _manifest(subject: ReleaseMetadata) -> Json:
    files = [f"{name}.parquet" for name in series_names("manifest", subject.description.n_rows)]
    row: Json = {"fileObject": {"@id": files[0]}, "extract": {"fileProperty": "lineNumbers"}}
    fields = [_field("manifest/row", "Row, from 0.", "sc:Integer", row)]
    for column in subject.vocabulary.dataset_schema():
        kind = _data_type(column.type)
        if kind is None:
            continue
        source: Json = {"fileObject": {"@id": files[0]}, "extract": {"column": column.name}}
        fields.append(_field(f"manifest/{column.name}", _meaning(subject, column.name), kind, source))
    text = "One row for each observation, in row order, and where its audio lies."
    if len(files) > 1:
        text += f" The first of {len(files)} files of the same columns."
    return _record_set("manifest", text, fields)


def _observations(subject: ReleaseMetadata) -> Json:
    row: Json = {
        "fileSet": {"@id": "audio-files"},
        "extract": {"fileProperty": "filename"},
        "transform": {"regex": _ROW},
    }
    audio: Json = {"fileSet": {"@id": "audio-files"}, "extract": {"fileProperty": "content"}}
    rate = subject.vocabulary.sample_rate
    fields = [
        _field("observations/row", "Row of the manifest, as the file is named.", "sc:Integer", row),
        _field("observations/audio", f"The file: {rate} Hz, 16 bit, mono.", "sc:AudioObject", audio),
    ]
    text = "The audio of every observation; manifest has its factors in the same row."
    return _record_set("observations", text, fields)


def _record_set(
    name: str,
    description: str,
    fields: list[Json],
    *,
    data_type: str | None = None,
    rows: Sequence[Json] | None = None,
) -> Json:
    """Return a table whose first field is its key, with its rows if they stand in the document."""
    found: Json = {"@type": "cr:RecordSet", "@id": name, "name": name, "description": description}
    if data_type is not None:
        found["dataType"] = data_type
    found |= {"key": {"@id": fields[0]["@id"]}, "field": fields}
    if rows is not None:
        found["data"] = [{f"{name}/{key}": value for key, value in row.items()} for row in rows]
    return found


def _field(name: str, description: str, data_type: str, source: Json | None = None) -> Json:
    field: Json = {
        "@type": "cr:Field",
        "@id": name,
        "name": name.rpartition("/")[2],
        "description": description,
        "dataType": data_type,
    }
    return field if source is None else field | {"source": source}


def _data_type(kind: pa.DataType) -> str | None:
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Text" if pa.types.is_string(kind) else None


def _meaning(subject: ReleaseMetadata, column: str) -> str:
    grid = subject.vocabulary.grid
    if column in grid:
        unit = f", in {grid[column].unit}" if grid[column].unit else ""
        return f"Value of the factor {column}{unit}."
    if column.endswith("_level") and column.removesuffix("_level") in grid:
        return f"Position of that value among the values of the factor {column.removesuffix('_level')}."
    for name, of_factor, _ in subject.vocabulary.derived:
        if name == column:
            return f"A function of the factor {of_factor}."
    if column == "split":
        return "Split that it is stored by."
    if column.startswith("split_"):
        return f"Its split in the scheme {column.removeprefix('split_')}."
    if column == "index":
        return "Number of the grid point."
    if column in STORED or column in SPOKEN:
        return (STORED | SPOKEN)[column][1]
    return "Drawn for this observation; not a factor."
