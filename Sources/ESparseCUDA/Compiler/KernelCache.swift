// Compiled kernels in the user's cache folder, so that only the first run on a machine compiles.

import ESparseFormats
import FoundationEssentials

/// A folder of machine code, keyed by what it was compiled from.
///
/// A file is a first line, its key's digest and the code's digest in 32 hexadecimal digits a line, and the code; one
/// that is cut off, damaged or of something else counts as missing.
package struct KernelCache: Sendable {
    /// The folder; made when first written to.
    package let folder: String

    /// Uses a folder.
    package init(folder: String) { self.folder = folder }

    /// `esparse/cuda` in the user's cache folder; nil where the environment names none.
    package static func standard(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> KernelCache? {
        CacheFolder.path(environment: environment).map { KernelCache(folder: $0 + "/cuda") }
    }

    /// What machine code depends on: the source with all that it may include, the options, the compiler and the
    /// architecture.
    package struct Key: Hashable {
        /// The file's name in the folder.
        package let fileName: String
        /// Digest of everything.
        let digest: KernelDigest

        /// The key of a file of kernels; its own text where `text` is nil.
        package init(
            _ source: KernelSource, text: String? = nil, headers: [String: String] = KernelSource.headers,
            options: [String] = CUDACompiler.options, architecture: String, compiler: LibraryVersion
        ) {
            var digest = KernelDigest()
            digest.extend(by: text ?? source.text)
            for (name, text) in headers.sorted(by: { $0.key < $1.key }) {
                digest.extend(by: name)
                digest.extend(by: text)
            }
            for option in options + [architecture, compiler.description] { digest.extend(by: option) }
            self.digest = digest
            fileName = "\(source.rawValue)-\(architecture)-\(digest.text).cubin"
        }
    }

    private static let firstLine = "ESparse compiled kernels 1\n"

    private static func head(_ code: [UInt8], for key: Key) -> [UInt8] {
        Array("\(firstLine)\(key.digest.text)\n\(KernelDigest(code).text)\n".utf8)
    }

    /// The code in the cache; nil where there is none, or it is damaged.
    package func code(for key: Key) -> [UInt8]? {
        guard let bytes = try? FileSystem.read("\(folder)/\(key.fileName)") else { return nil }
        let headCount = Self.firstLine.utf8.count + 2 * 33
        guard bytes.count > headCount else { return nil }
        let code = Array(bytes[headCount...])
        return bytes[..<headCount].elementsEqual(Self.head(code, for: key)) ? code : nil
    }

    /// Stores code under its name in one step. Where the folder cannot be written to, the next run compiles again.
    package func keep(_ code: [UInt8], for key: Key) {
        let path = "\(folder)/\(key.fileName)"
        // Processes that compile the same code at the same time must not write into one file.
        let temporary = "\(path).\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0 ... .max))"
        do {
            try FileSystem.createFolders(folder)
            try FileSystem.writeDurably(Self.head(code, for: key) + code, to: temporary)
            try FileSystem.rename(temporary, to: path)
        } catch {
            try? FileSystem.remove(temporary)
        }
    }
}
