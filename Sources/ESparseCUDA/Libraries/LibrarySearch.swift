// The places where NVIDIA's libraries are looked for, in order.

import ESparseFormats
import FoundationEssentials

/// The places to look for libraries.
package struct LibrarySearch: Sendable {
    /// The process's environment.
    let environment: [String: String]
    /// Whether bare names are given to the system's loader, which looks in its own folders and LD_LIBRARY_PATH.
    let asksSystem: Bool
    /// Prefix of the absolute folders, which are searched whatever the environment says; "" except in tests.
    let root: String

    /// Looks in the places that the environment and the system's conventions name.
    package init(
        environment: [String: String] = ProcessInfo.processInfo.environment, asksSystem: Bool = true, root: String = ""
    ) {
        self.environment = environment
        self.asksSystem = asksSystem
        self.root = root
    }

    /// Names for the loader, best first: bare names, then files that are there, the newest version in a folder first.
    package func candidates(for library: CUDALibrary) -> [String] {
        let files = folders(for: library).flatMap { folder in library.fileNames.map { "\(folder)/\($0)" } }
        return (asksSystem ? library.fileNames : []) + files.filter(FileSystem.exists)
    }

    /// The existing folders among those that are searched, in order: LD_LIBRARY_PATH's, the toolkit's by environment, the
    /// toolkit's by convention, pip's. The driver belongs to the system: of the last three it has only WSL's folder.
    package func folders(for library: CUDALibrary) -> [String] {
        let path = environment["LD_LIBRARY_PATH"]?.split(separator: ":").map(String.init) ?? []
        let others = library == .driver ? [root + "/usr/lib/wsl/lib"] : toolkitFolders + pipFolders
        var seen: Set<String> = []
        return (path.filter { $0.hasPrefix("/") } + others).filter {
            FileSystem.isFolder($0) && seen.insert($0).inserted
        }
    }

    private var toolkitFolders: [String] {
        let named = ["CUDA_HOME", "CUDA_PATH"].compactMap { environment[$0] }.filter { $0.hasPrefix("/") }
        return (named + installedToolkits).flatMap { toolkit in
            ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"].map { "\(toolkit)/\($0)" }
        }
    }

    /// The folders of NVIDIA's wheels: nvidia/PACKAGE/lib, of CUDA 13 nvidia/cu13/lib, and where cuSPARSELt's older
    /// ones lie.
    private var pipFolders: [String] {
        sitePackages.flatMap { site in
            names(in: site + "/nvidia").map { "\(site)/nvidia/\($0)/lib" } + ["\(site)/cusparselt/lib"]
        }
    }

    /// /usr/local/cuda, then /usr/local/cuda-13.1 and the like, the newest first.
    private var installedToolkits: [String] {
        let parent = root + "/usr/local"
        let versions = names(in: parent).filter { $0.hasPrefix("cuda-") }
        return ["\(parent)/cuda"] + versions.sorted { order($0) > order($1) }.map { "\(parent)/\($0)" }
    }

    /// Folders of Python packages: the virtual environment's, PYTHONPATH's, the user's, the system's; Python is not
    /// run.
    private var sitePackages: [String] {
        let path = environment["PYTHONPATH"]?.split(separator: ":").map(String.init) ?? []
        let prefixes =
            ["VIRTUAL_ENV", "CONDA_PREFIX"].compactMap { environment[$0] }.filter { $0.hasPrefix("/") }
        let home = environment["HOME"].map { [$0 + "/.local"] } ?? []
        let installed = (prefixes + home + [root + "/usr/local", root + "/usr"]).flatMap(pythonFolders)
        return path.filter { $0.hasPrefix("/") } + installed
    }

    /// site-packages and dist-packages of every Python below a prefix, the newest first.
    private func pythonFolders(below prefix: String) -> [String] {
        ["lib", "lib64"].flatMap { library -> [String] in
            let folder = "\(prefix)/\(library)"
            let versions = names(in: folder).filter { $0.hasPrefix("python3") }
            return versions.sorted { order($0) > order($1) }.flatMap {
                ["\(folder)/\($0)/site-packages", "\(folder)/\($0)/dist-packages"]
            }
        }
    }

    /// Versions at the end of a name, so that "python3.9" comes before "python3.11".
    private func order(_ name: String) -> LibraryVersion {
        let numbers = name.drop { !("0"..."9").contains($0) }.split(separator: ".").map { Int($0) ?? 0 }
        return LibraryVersion(numbers.first ?? 0, numbers.dropFirst().first ?? 0, 0)
    }

    private func names(in folder: String) -> [String] { (try? FileSystem.names(in: folder)) ?? [] }
}
