// A device's profile on disk: how it is written, and what is believed of it when read.

package import ESparseCUDA
import ESparseCore
import ESparseFormats
import FoundationEssentials

/// Reads and writes the kernel profiles of devices, which lie beside the processor's.
package enum DeviceProfileFile {
    private static let format = "esparse-device-profile"
    private static let version = 1

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
        ProfileStore.cachePath("device", of: "\(device) \(type.rawValue)", environment: environment)
    }

    /// The profile in the cache folder, or one sentence why it is not used.
    package static func cached(device: String, type: HalfType) -> LoadedProfile<CUDAKernelProfile> {
        ProfileStore.cached(at: cachePath(device: device, type: type)) { try read($0, device: device, type: type) }
    }

    /// Reads a profile of this device, arithmetic and version.
    ///
    /// - Throws: `ProfileError` or `FileError`.
    package static func read(_ path: String, device: String, type: HalfType) throws -> CUDAKernelProfile {
        let data = Data(try ProfileStore.bytes(of: path))
        guard let contents = try? JSONDecoder().decode(Contents.self, from: data), contents.format == format else {
            throw ProfileError.damaged(path: path, reason: "it is no profile of a device")
        }
        guard contents.version == version, contents.toolVersion == toolVersion else {
            throw ProfileError.otherVersion(path: path)
        }
        guard contents.device == device, contents.type == type else { throw ProfileError.otherDevice(path: path) }
        var profile = CUDAKernelProfile()
        for entry in contents.choices {
            guard entry.traits.rows > 0, entry.traits.columns > 0, profile.choices[entry.traits] == nil,
                profile.set(entry.kernels, for: entry.traits)
            else { throw ProfileError.damaged(path: path, reason: "it has a choice that cannot run") }
        }
        return profile
    }

    /// Adds what tuning found to the profile at `path`; one that does not fit this device and version is replaced.
    ///
    /// - Returns: one sentence about a profile that was replaced.
    /// - Throws: `FileError`.
    package static func merge(
        _ report: DeviceTuningReport, device: String, type: HalfType, into path: String
    ) throws -> String? {
        try ProfileStore.update(
            path, read: { try read($0, device: device, type: type) }, else: CUDAKernelProfile(),
            bytes: { try bytes(of: $0, device: device, type: type) }, { report.merge(into: &$0) })
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
