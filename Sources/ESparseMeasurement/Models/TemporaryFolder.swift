// A temporary folder that is removed when its owner goes.

package import ESparseCore
import ESparseFormats
import FoundationEssentials

/// A new folder in `$TMPDIR` (or the system's folder for temporary files), removed with all it holds.
package final class TemporaryFolder {
    /// The folder.
    package let path: String

    /// Makes the folder.
    ///
    /// - Throws: `FileError` when it cannot be made.
    package init() throws(FileError) {
        path =
            FileSystem.trimmed(FileManager.default.temporaryDirectory.path)
            + "/esparse-\(UInt64.random(in: 0...(.max)))"
        try FileSystem.createFolder(path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
