// Fake libraries: C files of Fixtures, compiled once; every test loads its own copies.

import ESparseCUDA
import FoundationEssentials
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A folder that is removed with its owner.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/esparse-cuda-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Makes a folder in it and says where.
    func make(_ name: String) throws -> String {
        let folder = "\(path)/\(name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Writes a file in it, with the folders above.
    func write(_ text: String, to name: String) throws {
        let file = "\(path)/\(name)"
        let parent = file[..<(file.lastIndex(of: "/") ?? file.endIndex)]
        try FileManager.default.createDirectory(atPath: String(parent), withIntermediateDirectories: true)
        guard FileManager.default.createFile(atPath: file, contents: Data(text.utf8)) else { throw CannotWrite() }
    }

    private struct CannotWrite: Error {}
}

/// The four fakes.
enum FakeKind: String, CaseIterable {
    case driver, compiler, dense, sparse

    var fileName: String {
        switch self {
        case .driver: "libcuda.so.1"
        case .compiler: "libnvrtc.so.12"
        case .dense: "libcublasLt.so.12"
        case .sparse: "libcusparseLt.so.0"
        }
    }
}

/// Compiled fakes, which live as long as the tests.
enum FakeCompiler {
    private static let folder = try? TestFolder()
    private static let compiled: [FakeKind: String] = Dictionary(
        uniqueKeysWithValues: FakeKind.allCases.compactMap { kind in
            (try? compile(kind, options: "")).map { (kind, $0) }
        })

    /// The compiled library; `without` names a function that it does not have.
    static func library(_ kind: FakeKind, without symbol: String? = nil) throws -> String {
        if let symbol { return try compile(kind, options: "-D\(symbol)=absent_function") }
        return try #require(compiled[kind], "no C compiler (clang, cc or gcc) compiles the fake libraries")
    }

    private static func compile(_ kind: FakeKind, options: String) throws -> String {
        let source = "\(#filePath.dropLast("FakeLibraries.swift".count))Fixtures/\(kind.rawValue).c"
        let output = try #require(folder).path + "/\(kind.rawValue)-\(UInt64.random(in: 0 ... .max)).so"
        let command =
            "for compiler in clang cc gcc; do command -v $compiler >/dev/null && "
            + "exec $compiler -shared -fPIC -O1 \(options) '\(source)' -o '\(output)'; done; exit 1"
        try #require(unsafe system(command) == 0, "the fake \(kind) does not compile")
        return output
    }
}

/// A test's own copy of a fake, with its counters.
@safe final class FakeLibrary: @unchecked Sendable {
    private let handle: UnsafeMutableRawPointer

    /// Puts a copy into a folder under the real library's name and loads it.
    init(_ kind: FakeKind, in folder: String, named name: String? = nil, without symbol: String? = nil) throws {
        let path = "\(folder)/\(name ?? kind.fileName)"
        try FileManager.default.copyItem(atPath: FakeCompiler.library(kind, without: symbol), toPath: path)
        unsafe handle = try unsafe #require(unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL))
    }

    deinit { unsafe dlclose(handle) }

    /// Whether anybody in this process has the library of a file loaded.
    static func isLoaded(_ path: String) -> Bool {
        guard let handle = unsafe dlopen(path, RTLD_NOW | RTLD_NOLOAD) else { return false }
        unsafe dlclose(handle)
        return true
    }

    private func function<Function>(_ name: String, _ type: Function.Type) -> Function {
        guard let place = unsafe dlsym(handle, name) else { preconditionFailure("the fake has no \(name)") }
        return unsafe unsafeBitCast(place, to: type)
    }

    /// Live objects of a kind, or another number of the fake's.
    subscript(name: String) -> Int {
        get { Int(unsafe function("fake_get", (@convention(c) (UnsafePointer<CChar>) -> Int64).self)(name)) }
        set {
            unsafe function("fake_set", (@convention(c) (UnsafePointer<CChar>, Int64) -> Void).self)(
                name, Int64(newValue))
        }
    }

    /// What the fake was given.
    func text(_ name: String) -> String {
        let get = unsafe function(
            "fake_text", (@convention(c) (UnsafePointer<CChar>) -> UnsafePointer<CChar>).self)
        return unsafe String(cString: get(name))
    }

    /// Calls of a function so far.
    func count(_ name: String) -> Int {
        Int(unsafe function("fake_count", (@convention(c) (UnsafePointer<CChar>) -> Int64).self)(name))
    }

    /// Makes a function fail from now on; 0 mends it.
    func fail(_ name: String, _ code: Int = 1) {
        unsafe function("fake_fail", (@convention(c) (UnsafePointer<CChar>, Int64) -> Void).self)(name, Int64(code))
    }
}

/// A machine with fakes of all libraries in one folder, which LD_LIBRARY_PATH names.
struct FakeMachine {
    let folder: TestFolder
    let driver: FakeLibrary
    let compiler: FakeLibrary
    let dense: FakeLibrary
    let sparse: FakeLibrary

    init() throws {
        folder = try TestFolder()
        driver = try FakeLibrary(.driver, in: folder.path)
        compiler = try FakeLibrary(.compiler, in: folder.path)
        dense = try FakeLibrary(.dense, in: folder.path)
        sparse = try FakeLibrary(.sparse, in: folder.path)
    }

    /// Finds these libraries and no others.
    var search: LibrarySearch {
        LibrarySearch(environment: ["LD_LIBRARY_PATH": folder.path], asksSystem: false, root: folder.path)
    }

    func device() throws -> CUDADevice { try CUDADevice(driver: CUDADriver.load(search)) }
}
