// A model of the loopback hub in the cache: what is fetched, how it lies there, and when nothing is asked.

import ESparseCore
import ESparseFormats
import ESparseHub
import FoundationEssentials
import NIOHTTP1
import Testing

@Suite(.serialized) struct DownloadTests {
    @Test func layout() throws {
        let setting = try HubSetting()
        let repository = setting.hub.script.repository
        #expect(try setting.locate() == setting.snapshot)
        #expect(setting.isComplete())
        #expect(try FileSystem.names(in: setting.snapshot) == FakeRepository.neededOfSharded)
        #expect(setting.blobs == FakeRepository.neededOfSharded.map(repository.etag).sorted())
        #expect(try FileSystem.read(setting.model + "/refs/main") == Array(repository.commit.utf8))
        for name in FakeRepository.neededOfSharded {
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: setting.snapshot + "/" + name)
            #expect(target == "../../blobs/" + repository.etag(name))
        }
        let absent = setting.model + "/.no_exist/" + repository.commit
        #expect(try FileSystem.names(in: absent).contains("vocab.json"))
        #expect(!FileSystem.exists(absent + "/tokenizer.json"))
        #expect(try FileSystem.names(in: setting.folder + "/hub") == [".locks", "models--acme--tiny"])
        let locks = try FileSystem.names(in: setting.folder + "/hub/.locks/models--acme--tiny")
        #expect(locks == setting.blobs.map { $0 + ".lock" })
        let reports = setting.log.reports
        #expect(reports.contains { $0.completed == 0 } && reports.last.map { $0.completed == $0.total } == true)
    }

    @Test func asksForWhatIsNeeded() throws {
        let setting = try HubSetting()
        setting.environment = ["HF_TOKEN": "secret"]
        _ = try setting.locate()
        let requests = setting.hub.script.requests
        let asked = Set(requests.filter { !$0.isListing && !$0.isStorage }.map(\.file))
        #expect(asked == Set(FakeRepository.neededOfSharded))
        #expect(requests.first?.isListing == true)
        for request in requests {
            // The storage is another host, which must not see the token.
            #expect(request.token == (request.host.hasPrefix("localhost") ? nil : "Bearer secret"))
            #expect(request.headers.first(name: "Accept-Encoding") == "identity")
            #expect(request.isStorage == request.host.hasPrefix("localhost"))
        }
        for name in FakeRepository.neededOfSharded {
            let methods = requests.filter { $0.file == name }.map(\.method)
            #expect(methods == [.HEAD, .GET], "\(name): the ETag is read before the redirect is followed")
        }
    }

    @Test func asksOnceForABranchAndNeverForACommit() throws {
        let setting = try HubSetting()
        _ = try setting.locate()
        setting.hub.script.reset()
        #expect(try setting.locate() == setting.snapshot)
        #expect(setting.hub.script.requests.map(\.isListing) == [true])
        setting.hub.script.reset()
        #expect(try setting.locate("acme/tiny@\(setting.hub.script.repository.commit)") == setting.snapshot)
        #expect(setting.hub.script.requests.isEmpty)
        setting.environment["HF_HUB_OFFLINE"] = "1"
        #expect(try setting.locate() == setting.snapshot)
        #expect(setting.hub.script.requests.isEmpty)
    }

    @Test func aPathThatExistsWins() throws {
        let setting = try HubSetting()
        try FileSystem.createFolders("acme-\(setting.hub.port)/tiny")
        defer { try? FileManager.default.removeItem(atPath: "acme-\(setting.hub.port)") }
        #expect(try setting.locate("acme-\(setting.hub.port)/tiny") == "acme-\(setting.hub.port)/tiny")
        #expect(try setting.locate("no/such/path") == "no/such/path")
        #expect(setting.hub.script.requests.isEmpty)
    }

    @Test func aNewCommitSharesWhatStayed() throws {
        let setting = try HubSetting()
        let old = try setting.locate()
        var changed = setting.hub.script.repository
        changed.commit = String(repeating: "f", count: 40)
        changed.files["tokenizer.json"] = FakeRepository.bytes(21_000, seed: 9)
        setting.hub.script.repository = changed
        setting.hub.script.reset()
        #expect(try setting.locate() == setting.snapshot)
        #expect(setting.isComplete() && FileSystem.exists(old + "/tokenizer.json"))
        #expect(setting.hub.script.requests.filter { $0.method == .GET && !$0.isListing }.count == 2)
        #expect(try FileSystem.read(setting.model + "/refs/main") == Array(changed.commit.utf8))
    }

    @Test func oneFileOfWeights() throws {
        var repository = FakeRepository.sharded
        repository.files["model.safetensors.index.json"] = nil
        repository.files["model.safetensors"] = FakeRepository.bytes(50_000, seed: 8)
        let setting = try HubSetting(repository)
        _ = try setting.locate()
        #expect(setting.isComplete(["config.json", "model.safetensors"]))
        #expect(!FileSystem.exists(setting.snapshot + "/model-00001-of-00002.safetensors"))
    }

    @Test func ggufFiles() throws {
        var repository = FakeRepository(name: "acme/tiny-GGUF")
        for name in ["q8.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf", "sub/q4.gguf", "model.bin"] {
            repository.files[name] = FakeRepository.bytes(5000, seed: UInt32(name.utf8.count))
            repository.large.insert(name)
        }
        let setting = try HubSetting(repository)
        #expect(try setting.locate("acme/tiny-GGUF/q8.gguf") == setting.snapshot + "/q8.gguf")
        #expect(setting.blobs.count == 1)
        #expect(try setting.locate("acme/tiny-GGUF/sub/q4.gguf") == setting.snapshot + "/sub/q4.gguf")
        #expect(
            try FileManager.default.destinationOfSymbolicLink(atPath: setting.snapshot + "/sub/q4.gguf")
                .hasPrefix("../../../blobs/"))
        _ = try setting.locate("acme/tiny-GGUF/big-00001-of-00002.gguf")
        #expect(setting.isComplete(["big-00001-of-00002.gguf", "big-00002-of-00002.gguf"]))
        let refusal = "\(try #require(setting.refusal("acme/tiny-GGUF")))"
        #expect(refusal.contains("big-00001-of-00002.gguf, big-00002-of-00002.gguf, q8.gguf, sub/q4.gguf"))
        // A part that does not exist is not its model, whose parts do.
        for missing in ["q5.gguf", "big-00003-of-00002.gguf", "big-00000-of-00002.gguf", "big-first-of-00002.gguf"] {
            let refusal = "\(try #require(setting.refusal("acme/tiny-GGUF/\(missing)")))"
            #expect(refusal.contains("has no file \(missing)"))
        }
    }

    @Test func filesBesideTheWeights() {
        let names: Set = [
            "config.json", "additional_chat_templates/tool_use.jinja", "LICENSE.md", "Notice", "USE_POLICY.md",
            "onnx/config.json",
            "model.safetensors", "model.safetensors.index.json", "additional_chat_templates/a/b.jinja", "license.pdf",
            "additional_chat_templates/..jinja/..", "vocab.txt", "original/tokenizer.model",
        ]
        #expect(
            NeededFiles.describing(in: names) == [
                "LICENSE.md", "Notice", "USE_POLICY.md", "additional_chat_templates/tool_use.jinja", "config.json",
            ])
    }

    @Test func severalAtOnce() throws {
        let setting = try HubSetting()
        setting.hub.script.edit { request, reply, _ in
            if request.isStorage { reply.pause = 400 }
        }
        _ = try setting.locate()
        #expect(setting.isComplete())
        // All large files were asked for before the hub began to answer about any.
        let times = setting.hub.script.requests.filter { $0.isStorage }.map(\.time)
        #expect(times.count == 3)
        #expect(try #require(times.max()) - #require(times.min()) < .milliseconds(400))
    }

    @Test func throughAProxy() throws {
        let setting = try HubSetting()
        let proxy = try LoopbackProxy(to: setting.hub.script)
        setting.hub.script.setStorage("http://storage.invalid")
        setting.environment = [
            "HF_ENDPOINT": "http://hub.invalid", "http_proxy": "http://me:secret@127.0.0.1:\(proxy.port)",
        ]
        _ = try setting.locate()
        #expect(setting.isComplete())
        #expect(proxy.requests.contains { $0.hasPrefix("CONNECT hub.invalid:80 HTTP/1.1") })
        #expect(proxy.requests.contains { $0.hasPrefix("CONNECT storage.invalid:80 HTTP/1.1") })
        // "me:secret" in base 64.
        #expect(proxy.requests.allSatisfy { $0.lowercased().contains("proxy-authorization: basic bwu6c2vjcmv0") })
        setting.hub.script.reset()
        setting.environment["NO_PROXY"] = "hub.invalid"
        setting.environment["HF_HOME"] = setting.folder + "/other"
        #expect("\(try #require(setting.refusal()))".hasPrefix("cannot reach http://hub.invalid:80"))
    }

    @Test func aProxyThatRefuses() throws {
        let setting = try HubSetting()
        let proxy = try LoopbackProxy(to: setting.hub.script, refuses: true)
        setting.environment = ["HF_ENDPOINT": "https://hub.invalid", "HTTPS_PROXY": "127.0.0.1:\(proxy.port)"]
        let refusal = "\(try #require(setting.refusal()))"
        #expect(refusal.contains("the proxy 127.0.0.1:\(proxy.port): the proxy refuses to connect"), "\(refusal)")
        #expect(proxy.requests.first?.hasPrefix("CONNECT hub.invalid:443") == true)
    }
}
