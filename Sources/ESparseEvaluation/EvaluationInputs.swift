// The files of one run of `esparse evaluate`, read before there is a model: a mistake in them should not cost its download.

import ESparseFormats
import FoundationEssentials

/// Texts and tasks as their files have them.
public struct EvaluationInputs {
    let texts: [(name: String, content: String)]
    let tasks: [(source: TaskSource, items: [TaskItem])]

    /// Reads texts and tasks.
    ///
    /// - Parameters:
    ///   - texts: paths of texts.
    ///   - tasks: lists as `TaskSource.parse` reads them.
    /// - Throws: `EvaluationError`, also where two inputs have one name; `FormatError`; `FileError`.
    public init(texts: [String], tasks: [String]) throws {
        self.texts = try texts.map { path in
            (
                name: URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent,
                content: try TextFile.documents(path).joined(separator: "\n\n")
            )
        }
        self.tasks = try tasks.flatMap(TaskSource.parse).map { source in
            (source: source, items: try source.task.items(source.path))
        }
        try EvaluationReport.requireDistinct(self.texts.map(\.name) + self.tasks.map(\.source.task.name))
    }
}
