// Tries one place after another until a library loads, has our functions and is of a supported version.

extension LibrarySearch {
    /// The first candidate that `open` takes; `open` looks its functions up and checks its version.
    ///
    /// - Throws: `CUDAError`: what was wrong with the first file that exists, or that there is none.
    func load<Loaded>(
        _ library: CUDALibrary, open: (DynamicLibrary) throws(CUDAError) -> Loaded
    ) throws(CUDAError) -> Loaded {
        var problem: CUDAError?
        for candidate in candidates(for: library) {
            let loaded: DynamicLibrary
            do {
                loaded = try DynamicLibrary(library, path: candidate)
            } catch {
                if case .refused(let reason) = error {
                    problem = problem ?? .libraryUnusable(library, path: candidate, reason: reason)
                }
                continue
            }
            do {
                return try open(loaded)
            } catch {
                problem = problem ?? error
            }
        }
        throw problem ?? .libraryMissing(library, folders: folders(for: library))
    }
}

extension DynamicLibrary {
    /// Checks that a version is supported.
    ///
    /// - Throws: `CUDAError.versionUnsupported`, or `newerThanDriver` where the driver supports only an older major
    /// version.
    func check(_ version: LibraryVersion, driver: LibraryVersion?) throws(CUDAError) {
        guard library.accepts(version) else { throw .versionUnsupported(library, path: path, found: version) }
        if let driver, version.major > driver.major {
            throw .newerThanDriver(library, path: path, found: version, driver: driver)
        }
    }
}
