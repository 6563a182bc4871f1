// Symbolic links, and room on the disk.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

extension FileSystem {
    /// Makes `path` a symbolic link with the text `target`, replacing what has the name, in one step.
    ///
    /// - Parameter temporary: the link's name until then, on the same disk, which nobody else may use.
    package static func link(_ path: String, to target: String, temporary: String) throws(FileError) {
        guard unsafe symlink(target, temporary) == 0 else {
            throw FileError(path: path, operation: "make the link", code: errno)
        }
        do { try rename(temporary, to: path) } catch {
            unsafe unlink(temporary)
            throw error
        }
    }

    /// Bytes that a user may still write to the disk of an existing folder.
    package static func freeBytes(in folder: String) throws(FileError) -> Int {
        var status = statvfs()
        guard unsafe statvfs(folder, &status) == 0 else {
            throw FileError(path: folder, operation: "read the free space of", code: errno)
        }
        let (bytes, overflow) = UInt(status.f_bavail).multipliedReportingOverflow(by: UInt(status.f_frsize))
        return overflow ? .max : Int(clamping: bytes)
    }

    /// Whether a relative path from outside stays in the folder that it is joined to.
    package static func isContained(_ path: String) -> Bool {
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return path.utf8.count <= 1024
            && parts.allSatisfy { part in
                !part.isEmpty && part.count <= 255 && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
                    && part.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }
            }
    }
}
