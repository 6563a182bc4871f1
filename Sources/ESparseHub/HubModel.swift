// A model on a hub as the command line names it: its repository, with a revision or one GGUF file.

import ESparseFormats

/// A model on a hub: `org/name[/file.gguf][@revision]`.
public struct HubModel: Sendable, Equatable, CustomStringConvertible {
    /// The revision where none is given.
    public static let defaultRevision = "main"

    /// `org/name`.
    public let repository: String
    /// The one GGUF file that is meant, as a path in the repository; nil for a model in safetensors.
    public let file: String?
    /// A branch, a tag or a commit.
    public let revision: String

    /// Reads an argument; nil where it cannot name a model on a hub.
    public init?(_ argument: String) {
        let halves = argument.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[..<2].allSatisfy(Self.isName) else { return nil }
        repository = parts[..<2].joined(separator: "/")
        let rest = parts[2...].joined(separator: "/")
        // "models/tiny.gguf" is a file that is not there, not a repository.
        guard (parts.count > 2) == Self.isGGUF(String(parts[parts.count - 1])) else { return nil }
        file = parts.count > 2 ? rest : nil
        revision = halves.count == 2 ? String(halves[1]) : Self.defaultRevision
        guard FileSystem.isContained(revision), file.map(FileSystem.isContained) ?? true else { return nil }
    }

    /// As on the command line.
    public var description: String {
        repository + (file.map { "/" + $0 } ?? "") + (revision == Self.defaultRevision ? "" : "@" + revision)
    }

    /// Whether the revision is a whole commit, which always means the same files.
    package var isPinned: Bool { Self.isCommit(revision) }

    /// Whether a text is a whole commit id: 40 lower-case hexadecimal digits.
    package static func isCommit(_ text: String) -> Bool {
        text.utf8.count == 40 && text.utf8.allSatisfy(isHexadecimalDigit)
    }

    /// Whether a file is a GGUF file by its name.
    package static func isGGUF(_ name: String) -> Bool { name.hasSuffix(".gguf") }

    /// The hub's rules for the two parts of a repository's name.
    private static func isName(_ part: Substring) -> Bool {
        guard let first = part.utf8.first, let last = part.utf8.last, part.utf8.count <= 96 else { return false }
        return isWordCharacter(first) && isWordCharacter(last)
            && part.utf8.allSatisfy { isWordCharacter($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
            && !part.contains("--") && !part.contains("..") && !part.hasSuffix(".git")
    }

    private static func isWordCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), 0x30...0x39,
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

/// Whether a byte is a lower-case hexadecimal digit.
func isHexadecimalDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}
