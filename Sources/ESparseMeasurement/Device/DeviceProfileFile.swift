// The profile of a device's kernel choices on disk: where it is, how it is written, and what is believed of it when read.

package import ESparseCUDA
import ESparseCore
import ESparseFormats
import FoundationEssentials

/// Reads and writes the kernel profiles of devices, which lie beside the processor's.
package enum DeviceProfileFile {
    private static let format = "esparse-device-profile"
    private static let version = 1
    private static let largestFile = 16 << 20

    /// A profile's contents.
    private struct Contents: Codable {
        let format: String
        let version: Int
        let toolVersion: String
        let device: String
        let type: HalfType
        let choices: [Entry]

        enum CodingKeys: String, CodingKey {
            case format, version, device, type, choices
            case toolVersion = "tool_version"
        }
    }

    /// The choices of one kind of linear.
    private struct Entry: Codable {
        let traits: CUDALinearTraits
        let kernels: [CUDAKernelChoice]
    }

    /// The profile of this kind of device and arithmetic in the user's cache folder (`$XDG_CACHE_HOME/esparse` or `~/.cache/esparse`); nil
    /// where there is no such folder.
    package static func cachePath(
        device: String, type: HalfType, environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String? {
        let digest = InputDigest.of(Array("\(device) \(type.rawValue)".utf8))
        let home = environment["HOME"].map { $0 + "/.cache" }
        let candidates = [environment["XDG_CACHE_HOME"], home].compactMap { $0 }.filter { $0.hasPrefix("/") }
        return candidates.first.map { "\($0)/esparse/device-\(digest).json" }
    }

    /// The profile in the cache folder, or one sentence why it is not used.
    package static func cached(device: String, type: HalfType) -> (profile: CUDAKernelProfile?, note: String?) {
        guard let path = cachePath(device: device, type: type), FileSystem.exists(path) else { return (nil, nil) }
        do {
            return (try read(path, device: device, type: type), nil)
        } catch {
            return (nil, "kernels follow the built-in rules: \(error)")
        }
    }

    /// Reads a profile of this device, arithmetic and version.
    ///
    /// - Throws: `DeviceProfileError` or `FileError`.
    package static func read(_ path: String, device: String, type: HalfType) throws -> CUDAKernelProfile {
        guard FileSystem.byteCount(of: path) <= largestFile else { throw DeviceProfileError.damaged(path: path) }
        let data = Data(try FileSystem.read(path))
        guard let contents = try? JSONDecoder().decode(Contents.self, from: data), contents.format == format else {
            throw DeviceProfileError.damaged(path: path)
        }
        guard contents.version == version, contents.toolVersion == toolVersion, contents.device == device,
            contents.type == type
        else { throw DeviceProfileError.other(path: path) }
        var profile = CUDAKernelProfile()
        for entry in contents.choices {
            guard entry.traits.rows > 0, entry.traits.columns > 0, profile.choices[entry.traits] == nil,
                profile.set(entry.kernels, for: entry.traits)
            else { throw DeviceProfileError.damaged(path: path) }
        }
        return profile
    }

    /// Adds what tuning found to the profile at `path`; one that does not fit this device and version is replaced.
    ///
    /// - Throws: `FileError`.
    package static func merge(
        _ report: DeviceTuningReport, device: String, type: HalfType, into path: String
    ) throws {
        let folder = FileSystem.parent(of: path)
        for missing in [FileSystem.parent(of: folder), folder] where !FileSystem.exists(missing) {
            do { try FileSystem.createFolder(missing) } catch {
                // Another process may just have made it.
                guard FileSystem.isFolder(missing) else { throw error }
            }
        }
        let lock = try FileLock(path: path + ".lock", waits: true)
        defer { withExtendedLifetime(lock) {} }
        var profile = (try? read(path, device: device, type: type)) ?? CUDAKernelProfile()
        report.merge(into: &profile)
        try FileSystem.writeDurably(bytes(of: profile, device: device, type: type), to: path)
    }

    /// The file's contents; entries are sorted, so that the same choices are the same bytes.
    package static func bytes(of profile: CUDAKernelProfile, device: String, type: HalfType) throws -> [UInt8] {
        let entries = profile.choices.map { Entry(traits: $0.key, kernels: $0.value) }.sorted {
            ($0.traits.rows, $0.traits.columns, "\($0.traits)") < ($1.traits.rows, $1.traits.columns, "\($1.traits)")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return Array(
            try encoder.encode(
                Contents(
                    format: format, version: version, toolVersion: toolVersion, device: device, type: type,
                    choices: entries)))
    }
}

/// A device's profile cannot be used.
package enum DeviceProfileError: Error, Equatable, CustomStringConvertible {
    /// The file is no profile.
    case damaged(path: String)
    /// It is of another device, arithmetic or version.
    case other(path: String)

    /// One sentence for the user.
    package var description: String {
        switch self {
        case .damaged(let path):
            "the device profile \(path) is damaged; delete it or run `esparse tune` again"
        case .other(let path):
            "the device profile \(path) is of another device, arithmetic or version of esparse; run `esparse tune` again"
        }
    }
}
