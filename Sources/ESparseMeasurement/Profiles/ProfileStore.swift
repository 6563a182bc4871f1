// Profiles of kernel choices on disk, of processors and of devices alike: where they lie, how they are read and added to.

import ESparseFormats
import FoundationEssentials

/// A profile that was loaded, or what to tell the user instead.
package struct LoadedProfile<Profile: Sendable>: Sendable {
    /// The profile; nil means built-in rules.
    package let profile: Profile?
    /// One sentence about a profile that is not used.
    package let note: String?
}

/// What all kernel profiles on disk have in common.
enum ProfileStore {
    private static let largestFile = 16 << 20

    /// `KIND-DIGEST.json` in the user's cache folder, with a digest of the machine's name, so that machines can share a home; nil
    /// where there is no such folder.
    static func cachePath(_ kind: String, of machine: String, environment: [String: String]) -> String? {
        CacheFolder.path(environment: environment).map { "\($0)/\(kind)-\(InputDigest.of(Array(machine.utf8))).json" }
    }

    /// The profile at a path of the cache folder; one that is stale or damaged is left aside with a note.
    static func cached<Profile>(at path: String?, read: (String) throws -> Profile) -> LoadedProfile<Profile> {
        guard let path, FileSystem.exists(path) else { return LoadedProfile(profile: nil, note: nil) }
        do {
            return LoadedProfile(profile: try read(path), note: nil)
        } catch {
            return LoadedProfile(profile: nil, note: "kernels follow the built-in rules: \(error)")
        }
    }

    /// The bytes of a profile's file.
    ///
    /// - Throws: `ProfileError.damaged` for a file that is too large; `FileError`.
    static func bytes(of path: String) throws -> [UInt8] {
        guard FileSystem.byteCount(of: path) <= largestFile else {
            throw ProfileError.damaged(path: path, reason: "it is larger than any profile")
        }
        return try FileSystem.read(path)
    }

    /// Changes the profile at `path`, or `empty` where there is none or one that does not fit this machine and version.
    ///
    /// A lock (`path` with ".lock" after it) keeps two runs that end together from losing what one of them found.
    /// - Returns: one sentence about a profile that was replaced.
    /// - Throws: `FileError`; what the closures throw.
    static func update<Profile>(
        _ path: String, read: (String) throws -> Profile, else empty: Profile, bytes: (Profile) throws -> [UInt8],
        _ change: (inout Profile) throws -> Void
    ) throws -> String? {
        try FileSystem.createFolders(FileSystem.parent(of: path))
        let lock = try FileLock(path: path + ".lock", waits: true)
        defer { withExtendedLifetime(lock) {} }
        var profile = empty
        var note: String?
        if FileSystem.exists(path) {
            do {
                profile = try read(path)
            } catch let error as ProfileError {
                note = "the old profile was replaced: \(error)"
            }
        }
        try change(&profile)
        try FileSystem.writeDurably(bytes(profile), to: path)
        return note
    }
}

/// A profile cannot be used.
package enum ProfileError: Error, Equatable, CustomStringConvertible {
    /// The file is no profile.
    case damaged(path: String, reason: String)
    /// Another version of this tool wrote it.
    case otherVersion(path: String)
    /// It was measured on another kind of processor.
    case otherProcessor(path: String)
    /// It was measured on another kind of device, or in another arithmetic.
    case otherDevice(path: String)

    /// One sentence for the user.
    package var description: String {
        switch self {
        case .damaged(let path, let reason):
            "the kernel profile \(path) is damaged: \(reason); delete it or run `esparse tune` again"
        case .otherVersion(let path):
            "the kernel profile \(path) is of another version of esparse; run `esparse tune` again"
        case .otherProcessor(let path):
            "the kernel profile \(path) was measured on another kind of processor; run `esparse tune` on this one"
        case .otherDevice(let path):
            "the kernel profile \(path) was measured on another kind of device or in another arithmetic; run `esparse tune` again"
        }
    }
}
