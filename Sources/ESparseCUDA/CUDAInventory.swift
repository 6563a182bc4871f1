// Lists NVIDIA's libraries and devices on this machine, each with one sentence on what is wrong with it, if anything.

/// Libraries and devices as they were found.
package struct CUDAInventory: Sendable {
    /// One of the four libraries.
    package struct Library: Sendable, Encodable {
        /// Which it is.
        package let library: CUDALibrary
        /// The file it was loaded from; nil where none is usable.
        package let path: String?
        /// Its version; for the driver, the newest CUDA version that it supports; nil where none is usable.
        package let version: String?
        /// What is wrong, in one sentence; nil where nothing is.
        package let problem: String?

        /// One sentence for people.
        package var sentence: String {
            guard let path, let version else { return problem ?? "\(library.name) was not looked for" }
            return library == .driver
                ? "\(library.name) at \(path) serves CUDA \(version)" : "\(library.name) \(version) is at \(path)"
        }

        init(_ library: CUDALibrary, _ found: Result<(path: String, version: LibraryVersion), CUDAError>) {
            self.library = library
            path = try? found.get().path
            version = try? found.get().version.description
            if case .failure(let error) = found { problem = error.description } else { problem = nil }
        }
    }

    /// A device, usable or not.
    package struct Device: Sendable, Encodable {
        /// What `--device` calls it, such as "cuda:0".
        package let name: String
        /// Marketing name.
        package let model: String
        /// Such as "9.0".
        package let computeCapability: String
        /// Bytes of memory.
        package let memoryBytes: Int
        /// Streaming multiprocessors.
        package let multiprocessors: Int
        /// Why it cannot be used, in one sentence; nil where it can.
        package let problem: String?

        enum CodingKeys: String, CodingKey {
            case name, model, multiprocessors, problem
            case computeCapability = "compute_capability"
            case memoryBytes = "memory_bytes"
        }

        init(_ properties: CUDADeviceProperties) {
            name = "cuda:\(properties.index)"
            model = properties.name
            computeCapability = properties.capability.description
            memoryBytes = properties.memoryBytes
            multiprocessors = properties.multiprocessorCount
            problem =
                properties.capability >= .minimum
                ? nil : CUDAError.deviceTooOld(name: properties.name, capability: properties.capability).description
        }
    }

    /// The four libraries.
    package let libraries: [Library]
    /// The devices that the driver counts.
    package let devices: [Device]
    /// Why no device can be used, in one sentence; nil where one can.
    package let problem: String?

    /// Looks for all libraries and devices; the libraries are loaded meanwhile.
    package init(_ search: LibrarySearch = LibrarySearch()) {
        let driver = Result { () throws(CUDAError) in try CUDADriver.load(search) }
        let counted = driver.flatMap { driver in Result { () throws(CUDAError) in try driver.devices() } }
        let version = try? driver.get().version
        let compiler = Result { () throws(CUDAError) in try CUDACompiler.load(search, driver: version) }
        let dense = Result { () throws(CUDAError) in try CUDADenseLibrary.load(search, driver: version) }
        let sparse = Result { () throws(CUDAError) in try CUDASparseLibrary.load(search) }
        libraries = [
            Library(.driver, driver.map { ($0.path, $0.version) }),
            Library(.compiler, compiler.map { ($0.path, $0.version) }),
            Library(.dense, dense.map { ($0.path, $0.version) }),
            Library(.sparse, sparse.map { ($0.path, $0.version) }),
        ]
        let devices = (try? counted.get())?.map(Device.init) ?? []
        self.devices = devices
        problem =
            if case .failure(let error) = counted {
                error.description
            } else if devices.isEmpty {
                CUDAError.deviceMissing(index: 0, count: 0).description
            } else if let refusal = devices.first?.problem, devices.allSatisfy({ $0.problem != nil }) {
                refusal
            } else {
                // Without NVRTC or cuBLASLt no model runs on a device.
                libraries[1].problem ?? libraries[2].problem
            }
    }
}

extension CUDAInventory: Encodable {
    enum CodingKeys: String, CodingKey { case libraries, devices, problem }
}
