// A machine's kernel profile on disk, be it a processor's or a device's: how it is written, and what is believed of it when read.

package import ESparseCore
package import ESparseFormats
import FoundationEssentials

/// How a kind of linear and its choices stand in a profile's file.
package protocol ProfiledKind: LinearKind {
    /// Reads the kind of an entry; nil where it describes no sparse linear.
    init?(entry: JSONValue)
    /// Reads an entry's choices; nil where they are not one for each of `TokenClass.bounds`.
    static func choices(in entry: JSONValue) -> [KernelChoice<Parameter>]?
    /// The entry of this kind with its choices.
    func entry(_ choices: [KernelChoice<Parameter>]) -> JSONValue
}

/// Which profile a command uses.
package enum ProfileSource: Sendable, Equatable {
    /// The one in the user's cache folder, where it fits this machine and version.
    case automatic
    /// None: built-in rules.
    case rules
    /// A file, which must fit.
    case file(String)
}

/// A profile that was loaded, or what to tell the user instead.
package struct LoadedProfile<Kind: LinearKind>: Sendable {
    /// The profile; nil means built-in rules.
    package let profile: KernelProfile<Kind>?
    /// One sentence about a profile that is not used.
    package let note: String?
}

/// Reads and writes profiles of one machine: only those are read that this version of the tool wrote for it.
package struct ProfileFile<Kind: ProfiledKind>: Sendable {
    private static var version: Int { 1 }
    private static var largestFile: Int { 16 << 20 }

    /// What field "format" says.
    let format: String
    /// The fields that name the machine.
    let machine: [String: String]
    /// What the file's name in the cache folder begins with, and whose digest ends it, so that machines can share a home.
    let cacheName: (kind: String, machine: String)
    /// The error for a profile of another machine at a path.
    let otherMachine: @Sendable (_ path: String) -> ProfileError

    /// Describes the profile of a machine.
    package init(
        format: String, machine: [String: String], cacheName: (kind: String, machine: String),
        otherMachine: @escaping @Sendable (_ path: String) -> ProfileError
    ) {
        self.format = format
        self.machine = machine
        self.cacheName = cacheName
        self.otherMachine = otherMachine
    }

    /// The machine's profile in the user's cache folder (`$XDG_CACHE_HOME/esparse` or `~/.cache/esparse`); nil where there is
    /// no such folder.
    package func cachePath(environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        CacheFolder.path(environment: environment).map {
            "\($0)/\(cacheName.kind)-\(InputDigest.of(Array(cacheName.machine.utf8))).json"
        }
    }

    /// The profile of a source.
    ///
    /// A cached profile that is stale or damaged is left aside with a note; a file that was asked for by name must be right.
    /// - Throws: `ProfileError` or `FileError` for a named file.
    package func load(_ source: ProfileSource) throws -> LoadedProfile<Kind> {
        switch source {
        case .rules: return LoadedProfile(profile: nil, note: nil)
        case .file(let path): return LoadedProfile(profile: try read(path), note: nil)
        case .automatic:
            guard let path = cachePath(), FileSystem.exists(path) else { return LoadedProfile(profile: nil, note: nil) }
            do {
                return LoadedProfile(profile: try read(path), note: nil)
            } catch {
                return LoadedProfile(profile: nil, note: "kernels follow the built-in rules: \(error)")
            }
        }
    }

    /// Reads a profile of this machine and version.
    ///
    /// - Throws: `ProfileError` or `FileError`.
    package func read(_ path: String) throws -> KernelProfile<Kind> {
        guard FileSystem.byteCount(of: path) <= Self.largestFile else {
            throw ProfileError.damaged(path: path, reason: "it is larger than any profile")
        }
        return try parse(FileSystem.read(path), path: path)
    }

    /// Reads a profile's contents; `path` is for messages.
    ///
    /// - Throws: `ProfileError`.
    package func parse(_ bytes: [UInt8], path: String) throws(ProfileError) -> KernelProfile<Kind> {
        let root: JSONValue
        do {
            root = try JSONParser.parse(bytes)
        } catch {
            throw .damaged(path: path, reason: "\(error.reason) at byte \(error.offset)")
        }
        guard root["format"]?.text == format else {
            throw .damaged(path: path, reason: "field \"format\" is not \"\(format)\"")
        }
        guard root["version"]?.integer == Self.version, root["tool_version"]?.text == toolVersion else {
            throw .otherVersion(path: path)
        }
        guard machine.allSatisfy({ root[$0.key]?.text == $0.value }) else { throw otherMachine(path) }
        guard let entries = root["choices"]?.array else {
            throw .damaged(path: path, reason: "field \"choices\" is not a list")
        }
        var profile = KernelProfile<Kind>()
        for (index, entry) in entries.enumerated() {
            let place = "choices[\(index)]"
            guard let kind = Kind(entry: entry) else {
                throw .damaged(path: path, reason: "\(place) describes no sparse linear")
            }
            guard profile.choices[kind] == nil else {
                throw .damaged(path: path, reason: "\(place) repeats an earlier one")
            }
            guard let choices = Kind.choices(in: entry), choices.count == TokenClass.bounds.count else {
                throw .damaged(path: path, reason: "\(place) does not name one kernel a class of tokens")
            }
            do {
                try profile.set(choices, for: kind)
            } catch {
                throw .damaged(path: path, reason: "\(place): \(error)")
            }
        }
        return profile
    }

    /// Changes the profile at `path`; one that is missing or does not fit this machine and version starts empty.
    ///
    /// A lock (`path` with ".lock" after it) keeps two runs that end together from losing what one of them found.
    /// - Returns: one sentence about a profile that was replaced.
    /// - Throws: `FileError`; what `change` throws.
    package func update(_ path: String, _ change: (inout KernelProfile<Kind>) throws -> Void) throws -> String? {
        try FileSystem.createFolders(FileSystem.parent(of: path))
        let lock = try FileLock(path: path + ".lock", waits: true)
        defer { withExtendedLifetime(lock) {} }
        var profile = KernelProfile<Kind>()
        var note: String?
        if FileSystem.exists(path) {
            do {
                profile = try read(path)
            } catch let error as ProfileError {
                note = "the old profile was replaced: \(error)"
            }
        }
        try change(&profile)
        try FileSystem.writeDurably(bytes(of: profile), to: path)
        return note
    }

    /// The file's contents; entries are sorted, so that the same choices are the same bytes.
    package func bytes(of profile: KernelProfile<Kind>) -> [UInt8] {
        let entries = profile.choices.map { $0.key.entry($0.value) }.sorted {
            $0.serialized(indented: false).lexicographicallyPrecedes($1.serialized(indented: false))
        }
        var members = machine.mapValues { JSONValue.text($0) }
        members["format"] = .text(format)
        members["version"] = .integer(Self.version)
        members["tool_version"] = .text(toolVersion)
        members["choices"] = .array(entries)
        return JSONValue.sorted(members).serialized(indented: true)
    }
}
