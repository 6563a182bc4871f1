// The processor's profile on disk: how it is written, and what is believed of it when read.

package import ESparseCPU
import ESparseCore
import ESparseFormats
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

/// Reads and writes profiles.
package enum KernelProfileFile {
    private static let format = "esparse-kernel-profile"
    private static let version = 1

    /// The profile of this kind of processor in the user's cache folder (`$XDG_CACHE_HOME/esparse` or `~/.cache/esparse`);
    /// nil where there is no such folder. The name holds a digest of the processor's, so machines can share a home.
    package static func cachePath(environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        ProfileStore.cachePath("kernels", of: Processor.name, environment: environment)
    }

    /// The profile of a source.
    ///
    /// A cached profile that is stale or damaged is left aside with a note; a file that was asked for by name must be right.
    /// - Throws: `ProfileError` or `FileError` for a named file.
    package static func load(_ source: ProfileSource) throws -> LoadedProfile<KernelProfile> {
        switch source {
        case .rules: return LoadedProfile(profile: nil, note: nil)
        case .file(let path): return LoadedProfile(profile: try read(path), note: nil)
        case .automatic: return ProfileStore.cached(at: cachePath(), read: read)
        }
    }

    /// Reads a profile of this machine and version.
    ///
    /// - Throws: `ProfileError` or `FileError`.
    package static func read(_ path: String) throws -> KernelProfile {
        try parse(ProfileStore.bytes(of: path), path: path)
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

    private static func kernels(_ entry: JSONValue) -> [KernelName]? {
        guard let items = entry["kernels"]?.array, items.map({ $0["up_to_tokens"]?.integer }) == TokenClass.bounds
        else { return nil }
        let kernels = items.compactMap { $0["kernel"]?.text.flatMap(LinearKernels.name(_:)) }
        return kernels.count == items.count ? kernels : nil
    }

    /// Adds what tuning found to the profile at `path`; one that does not fit this machine and version is replaced.
    ///
    /// - Returns: one sentence about a profile that was replaced.
    /// - Throws: `FileError`.
    package static func merge(_ report: TuningReport, into path: String) throws -> String? {
        try ProfileStore.update(path, read: read, else: KernelProfile(), bytes: bytes) { try report.merge(into: &$0) }
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
