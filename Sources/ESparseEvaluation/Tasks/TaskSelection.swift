// Parses `--tasks`: which tasks to run on which files, by NAME=FILE, a file, or a folder.

import ESparseFormats

/// A task and the file with its items.
public struct TaskSource: Sendable {
    /// The task.
    public let task: ZeroShotTask
    /// The file.
    public let path: String

    /// Reads a comma-separated list whose elements are `NAME=FILE` (a known task, or a name of one's own for prepared items),
    /// a file called like a known task, or a folder, of which all files called like a known task are taken.
    ///
    /// - Throws: `EvaluationError`; `FileError` when a folder cannot be listed.
    public static func parse(_ list: String) throws -> [TaskSource] {
        // A comma or an equals sign may also belong to a path that exists.
        if FileSystem.exists(list) { return try sources(at: list) }
        return try list.split(separator: ",").flatMap { element in
            let element = String(element)
            guard !FileSystem.exists(element), let equals = element.firstIndex(of: "=") else {
                return try sources(at: element)
            }
            let name = String(element[..<equals])
            let task = try ZeroShotTask.known(named: name) ?? ZeroShotTask.custom(named: name)
            return [TaskSource(task: task, path: String(element[element.index(after: equals)...]))]
        }
    }

    private static func sources(at path: String) throws -> [TaskSource] {
        guard FileSystem.isFolder(path) else {
            guard let task = task(of: path) else { throw EvaluationError.unknownTask(path: path) }
            return [TaskSource(task: task, path: path)]
        }
        let folder = FileSystem.trimmed(path)
        let files = try FileSystem.names(in: folder).compactMap { name in
            task(of: name).map { TaskSource(task: $0, path: folder + "/" + name) }
        }
        guard !files.isEmpty else { throw EvaluationError.noTasks(folder: path) }
        return ZeroShotTask.known.flatMap { task in files.filter { $0.task.name == task.name } }
    }

    private static func task(of path: String) -> ZeroShotTask? {
        guard let base = TaskFile.split(path)?.base else { return nil }
        let name = base.lastIndex(of: "/").map { base[base.index(after: $0)...] } ?? base[...]
        return ZeroShotTask.known(named: String(name))
    }
}
