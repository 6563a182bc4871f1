// The profile of kernel choices on disk: where it is, how it is written, and what is believed of it when read.

import ESparseCore
import ESparseFormats
package import ESparseKernels
import FoundationEssentials

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
package struct LoadedProfile: Sendable {
    /// The profile; nil means built-in rules.
    package let profile: KernelProfile?
    /// One sentence about a profile that is not used.
    package let note: String?
}

/// Reads and writes profiles.
package enum KernelProfileFile {
    private static let format = "esparse-kernel-profile"
    private static let version = 1
    private static let largestFile = 16 << 20

    /// The profile of this kind of processor in the user's cache folder (`$XDG_CACHE_HOME/esparse` or `~/.cache/esparse`);
    /// nil where there is no such folder. The name holds a digest of the processor's, so machines can share a home.
    package static func cachePath(environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        let digest = InputDigest.of(Array(Processor.name.utf8))
        let home = environment["HOME"].map { $0 + "/.cache" }
        // The specification of XDG folders says to ignore paths that are not absolute.
        let candidates = [environment["XDG_CACHE_HOME"], home].compactMap { $0 }.filter { $0.hasPrefix("/") }
        return candidates.first.map { "\($0)/esparse/kernels-\(digest).json" }
    }

    /// The profile of a source.
    ///
    /// A cached profile that is stale or damaged is left aside with a note; a file that was asked for by name must be right.
    /// - Throws: `ProfileError` or `FileError` for a named file.
    package static func load(_ source: ProfileSource) throws -> LoadedProfile {
        switch source {
        case .rules: return LoadedProfile(profile: nil, note: nil)
        case .file(let path): return LoadedProfile(profile: try read(path), note: nil)
        case .automatic:
            guard let path = cachePath(), FileSystem.exists(path) else {
                return LoadedProfile(profile: nil, note: nil)
            }
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
    package static func read(_ path: String) throws -> KernelProfile {
        guard FileSystem.byteCount(of: path) <= largestFile else {
            throw ProfileError.damaged(path: path, reason: "it is larger than any profile")
        }
        return try parse(FileSystem.read(path), path: path)
    }

    /// Reads a profile's contents; `path` is for messages.
    ///
    /// - Throws: `ProfileError`.
    package static func parse(_ bytes: [UInt8], path: String) throws -> KernelProfile {
        let root: JSONValue
        do {
            root = try JSONParser.parse(bytes)
        } catch {
            throw ProfileError.damaged(path: path, reason: "\(error.reason) at byte \(error.offset)")
        }
        guard root["format"]?.text == format else {
            throw ProfileError.damaged(path: path, reason: "field \"format\" is not \"\(format)\"")
        }
        guard root["version"]?.integer == version, let tool = root["tool_version"]?.text, tool == toolVersion else {
            throw ProfileError.otherVersion(path: path)
        }
        guard root["processor"]?.text == Processor.name else {
            throw ProfileError.otherProcessor(path: path)
        }
        guard let entries = root["choices"]?.array else {
            throw ProfileError.damaged(path: path, reason: "field \"choices\" is not a list")
        }
        var profile = KernelProfile()
        for (index, entry) in entries.enumerated() {
            let place = "choices[\(index)]"
            guard let traits = traits(entry) else {
                throw ProfileError.damaged(path: path, reason: "\(place) describes no sparse linear")
            }
            guard profile.choices[traits] == nil else {
                throw ProfileError.damaged(path: path, reason: "\(place) repeats an earlier one")
            }
            guard let kernels = kernels(entry) else {
                throw ProfileError.damaged(path: path, reason: "\(place) does not name one kernel a class of tokens")
            }
            do {
                try profile.set(kernels, for: traits)
            } catch {
                throw ProfileError.damaged(path: path, reason: "\(place): \(error)")
            }
        }
        return profile
    }

    private static func traits(_ entry: JSONValue) -> LinearTraits? {
        guard let instructionSet = entry["instruction_set"]?.text.flatMap(InstructionSet.init(rawValue:)),
            let precision = entry["precision"]?.text.flatMap(Precision.init(rawValue:)),
            let elementType = entry["element_type"]?.text.flatMap(ElementType.init(rawValue:)),
            elementType.isFloatingPoint, precision == .float32 || elementType == .bfloat16,
            let pattern = entry["pattern"]?.text.flatMap(SparsityPattern.init(_:)),
            let rows = entry["rows"]?.integer, let columns = entry["columns"]?.integer,
            rows > 0, columns > 0, columns % pattern.group == 0
        else { return nil }
        return LinearTraits(
            rows: rows, columns: columns, pattern: pattern, elementType: elementType, precision: precision,
            instructionSet: instructionSet)
    }

    private static func kernels(_ entry: JSONValue) -> [LinearKernel]? {
        guard let items = entry["kernels"]?.array, items.map({ $0["up_to_tokens"]?.integer }) == TokenClass.bounds
        else { return nil }
        let kernels = items.compactMap { $0["kernel"]?.text.flatMap(LinearKernel.init(rawValue:)) }
        return kernels.count == items.count ? kernels : nil
    }

    /// Adds what tuning found to the profile at `path`; one that does not fit this machine and version is replaced.
    ///
    /// A lock (`path` with ".lock" after it) keeps two runs that end together from losing what one of them found.
    /// - Returns: one sentence about a profile that was replaced.
    /// - Throws: `FileError`.
    package static func merge(_ report: TuningReport, into path: String) throws -> String? {
        try makeFolder(of: path)
        let lock = try FileLock(path: path + ".lock", waits: true)
        defer { withExtendedLifetime(lock) {} }
        var profile = KernelProfile()
        var note: String?
        if FileSystem.exists(path) {
            do {
                profile = try read(path)
            } catch let error as ProfileError {
                note = "the old profile was replaced: \(error)"
            }
        }
        try report.merge(into: &profile)
        try FileSystem.writeDurably(bytes(of: profile), to: path)
        return note
    }

    /// Makes the cache folder where it is missing.
    private static func makeFolder(of path: String) throws(FileError) {
        let folder = FileSystem.parent(of: path)
        // ~/.cache itself may be missing in a new home.
        for missing in [FileSystem.parent(of: folder), folder] where !FileSystem.exists(missing) {
            do { try FileSystem.createFolder(missing) } catch {
                // Another process may just have made it.
                guard FileSystem.isFolder(missing) else { throw error }
            }
        }
    }

    /// The file's contents; entries are sorted, so that the same choices are the same bytes.
    package static func bytes(of profile: KernelProfile) -> [UInt8] {
        let entries = profile.choices.map { traits, kernels in
            JSONValue.sorted([
                "instruction_set": .text(traits.instructionSet.rawValue),
                "precision": .text(traits.precision.rawValue), "element_type": .text(traits.elementType.rawValue),
                "pattern": .text(traits.pattern?.description ?? ""), "rows": .integer(traits.rows),
                "columns": .integer(traits.columns),
                "kernels": .array(
                    zip(TokenClass.bounds, kernels).map { bound, kernel in
                        .sorted(["up_to_tokens": .integer(bound), "kernel": .text(kernel.rawValue)])
                    }),
            ])
        }
        let sorted = entries.sorted {
            $0.serialized(indented: false).lexicographicallyPrecedes($1.serialized(indented: false))
        }
        return JSONValue.sorted([
            "format": .text(format), "version": .integer(version), "tool_version": .text(toolVersion),
            "processor": .text(Processor.name), "choices": .array(sorted),
        ]).serialized(indented: true)
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

    /// One sentence for the user.
    package var description: String {
        switch self {
        case .damaged(let path, let reason):
            "the kernel profile \(path) is damaged: \(reason); delete it or run `esparse tune` again"
        case .otherVersion(let path):
            "the kernel profile \(path) is of another version of esparse; run `esparse tune` again"
        case .otherProcessor(let path):
            "the kernel profile \(path) was measured on another kind of processor; run `esparse tune` on this one"
        }
    }
}
