// File-system operations for reading and durable writing, with errors that name the path.

package import ESparseCore
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// File-system operations that throw `FileError`.
package enum FileSystem {
    private static func status(_ path: String) -> stat? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status : nil
    }

    /// Whether something is at `path` (links are followed).
    package static func exists(_ path: String) -> Bool { status(path) != nil }

    /// Whether a folder is at `path`.
    package static func isFolder(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
    }

    /// Bytes of the file at `path`; 0 where there is none.
    package static func byteCount(of path: String) -> Int { status(path).map { Int($0.st_size) } ?? 0 }

    /// Names in a folder, sorted.
    package static func names(in folder: String) throws(FileError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw FileError(path: folder, operation: "list", code: errno == 0 ? EIO : errno)
        }
    }

    /// The bytes of a file.
    package static func read(_ path: String) throws(FileError) -> [UInt8] {
        let storage = try ByteStorage(mapping: path)
        return unsafe storage.withUnsafeBytes { unsafe Array($0) }
    }

    /// Whether `path` is a pipe, a terminal or a device, which can only be read from start to end and not mapped.
    package static func isStream(_ path: String) -> Bool {
        status(path).map { [S_IFIFO, S_IFCHR, S_IFSOCK].contains($0.st_mode & S_IFMT) } ?? false
    }

    /// A path without slashes at its end.
    package static func trimmed(_ path: String) -> String {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        return String(trimmed)
    }

    /// The last part of a path.
    package static func name(of path: String) -> String {
        String(trimmed(path).split(separator: "/").last ?? Substring(path))
    }

    /// The folder that holds `path`.
    package static func parent(of path: String) -> String {
        let trimmed = trimmed(path)
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    /// Makes one folder; its parent must exist.
    package static func createFolder(_ path: String) throws(FileError) {
        guard unsafe mkdir(path, 0o777) == 0 else {
            throw FileError(path: path, operation: "create the folder", code: errno)
        }
    }

    /// Makes a folder and those of its parents that are missing; others may make them at the same time.
    package static func createFolders(_ path: String) throws(FileError) {
        guard !isFolder(path) else { return }
        try createFolders(parent(of: path))
        do { try createFolder(path) } catch {
            // Another process may just have made it.
            guard isFolder(path) else { throw error }
        }
    }

    /// Writes a small file so that it is complete under its name or not there at all: temporary name, fsync, rename.
    ///
    /// - Parameter temporary: the temporary name, as for `OutputFile`.
    package static func writeDurably(_ bytes: [UInt8], to path: String, temporary: String? = nil) throws(FileError) {
        let file = try OutputFile(path: path, temporary: temporary)
        try file.write(bytes, at: 0)
        try file.commit()
    }

    /// Renames, replacing a file that has the new name, and makes the new name durable.
    package static func rename(_ path: String, to newPath: String) throws(FileError) {
        guard unsafe renameEntry(path, newPath) == 0 else {
            throw FileError(path: newPath, operation: "rename \(path) to", code: errno)
        }
        try synchronize(folder: parent(of: newPath))
    }

    /// Removes a file; nothing happens where there is none.
    package static func remove(_ path: String) throws(FileError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw FileError(path: path, operation: "remove", code: errno)
        }
    }

    /// Removes a folder that is empty.
    package static func removeEmptyFolder(_ path: String) throws(FileError) {
        guard unsafe rmdir(path) == 0 else { throw FileError(path: path, operation: "remove", code: errno) }
    }

    /// Removes everything in a folder, folders included, except the entry called `kept`.
    package static func removeContents(of folder: String, except kept: String? = nil) throws(FileError) {
        for name in try names(in: folder) where name != kept {
            let path = folder + "/" + name
            do { try remove(path) } catch {
                // A folder cannot be unlinked, while a link to one can, and then what it leads to stays.
                guard isFolder(path) else { throw error }
                try removeContents(of: path)
                try removeEmptyFolder(path)
            }
        }
    }

    /// Writes small files durably, by name; a name may lead into folders, which are made.
    package static func writeDurably(_ files: [String: [UInt8]], into folder: String) throws(FileError) {
        for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
            try createFolders(parent(of: folder + "/" + name))
            try writeDurably(bytes, to: folder + "/" + name)
        }
    }

    /// Makes a folder's entries durable.
    package static func synchronize(folder: String) throws(FileError) {
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path: folder, operation: "open", code: errno) }
        defer { close(descriptor) }
        // Some file systems cannot synchronise a folder and say EINVAL; nothing more can be done there.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw FileError(path: folder, operation: "synchronise", code: errno)
        }
    }
}

/// The system's `rename`, which `FileSystem.rename` would hide.
private func renameEntry(_ path: UnsafePointer<CChar>, _ newPath: UnsafePointer<CChar>) -> Int32 {
    unsafe rename(path, newPath)
}
