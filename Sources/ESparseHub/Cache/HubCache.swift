// The cache folder of one repository, laid out as huggingface_hub lays it out, so that Python finds what is here.

import ESparseCore
import ESparseFormats
import FoundationEssentials

/// The cache of one model.
///
/// ```
/// CACHE/.locks/models--org--name/ETAG.lock                    held while a file is written
/// CACHE/models--org--name/blobs/ETAG                          a file's contents, under their digest
///                         blobs/ETAG.incomplete               its first bytes
///                         blobs/UUID.partial                  a ref or link on its way to its name
///                         refs/main                           the commit of a branch or tag
///                         snapshots/COMMIT/config.json        a link: ../../blobs/ETAG
///                         .no_exist/COMMIT/vocab.json         empty: the commit has no such file
/// ```
package struct HubCache: Sendable {
    /// The folder of all repositories.
    package let root: String
    /// The folder of this one.
    package let folder: String
    private let locks: String

    /// Names the folders; makes none.
    package init(root: String, repository: String) {
        self.root = root
        let name = "models--" + repository.split(separator: "/").joined(separator: "--")
        folder = root + "/" + name
        locks = root + "/.locks/" + name
    }

    /// Where a file's contents lie.
    package func blob(_ digest: ContentDigest) -> String { folder + "/blobs/" + digest.text }

    /// Whether a file's contents are there, as long as they should be.
    package func has(_ file: RemoteFile) -> Bool {
        let path = blob(file.digest)
        return FileSystem.exists(path) && FileSystem.byteCount(of: path) == file.byteCount
    }

    /// Where the first bytes of a file lie until it is complete.
    package func incompleteBlob(_ digest: ContentDigest) -> String { blob(digest) + ".incomplete" }

    /// The lock of a file's contents.
    package func lock(_ digest: ContentDigest) -> String { locks + "/\(digest.text).lock" }

    /// The folder of a commit's files.
    package func snapshot(_ commit: String) -> String { folder + "/snapshots/" + commit }

    private func absence(of file: String, commit: String) -> String { folder + "/.no_exist/\(commit)/\(file)" }

    /// The commit that a revision was when it was last asked for; nil where that is unknown.
    package func commit(of revision: String) -> String? {
        if HubModel.isCommit(revision) { return revision }
        let path = folder + "/refs/" + revision
        guard FileSystem.byteCount(of: path) <= 100, let bytes = try? FileSystem.read(path) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return HubModel.isCommit(text) ? text : nil
    }

    /// A name that no other process uses, for what gets its own name in one step.
    ///
    /// It is in `blobs` because what a crash leaves there does no harm: in `refs` Python would read it as a branch, and report the
    /// cache as damaged.
    private var temporaryPath: String { folder + "/blobs/" + UUID().uuidString + OutputFile.temporarySuffix }

    /// Makes the folders that downloads are written into.
    ///
    /// - Throws: `FileError`.
    package func prepare() throws {
        // No CACHEDIR.TAG, which newer versions of huggingface_hub write: older ones take it for a damaged repository.
        for path in [folder + "/blobs", locks] { try FileSystem.createFolders(path) }
    }

    /// Remembers which commit a branch or tag is.
    ///
    /// - Throws: `FileError`.
    package func remember(_ commit: String, as revision: String) throws {
        guard revision != commit, self.commit(of: revision) != commit else { return }
        let path = folder + "/refs/" + revision
        for folder in [folder + "/blobs", FileSystem.parent(of: path)] { try FileSystem.createFolders(folder) }
        try FileSystem.writeDurably(Array(commit.utf8), to: path, temporary: temporaryPath)
    }

    /// Remembers that a commit has no such file.
    ///
    /// - Throws: `FileError`.
    package func rememberAbsence(of file: String, commit: String) throws {
        let path = absence(of: file, commit: commit)
        guard !FileSystem.exists(path) else { return }
        try FileSystem.createFolders(FileSystem.parent(of: path))
        // An empty file is complete at once, so it needs no temporary name; Python does the same.
        _ = try WritableFile(creating: path)
    }

    /// Whether it is remembered that a commit has no such file.
    package func isAbsent(_ file: String, commit: String) -> Bool {
        FileSystem.exists(absence(of: file, commit: commit))
    }

    /// Lets a commit's file show contents that are there.
    ///
    /// - Throws: `FileError`.
    package func show(_ digest: ContentDigest, as file: String, commit: String) throws {
        let path = snapshot(commit) + "/" + file
        try FileSystem.createFolders(FileSystem.parent(of: path))
        let depth = file.utf8.count { $0 == UInt8(ascii: "/") }
        try FileSystem.link(
            path, to: String(repeating: "../", count: depth + 2) + "blobs/" + digest.text, temporary: temporaryPath)
    }
}
