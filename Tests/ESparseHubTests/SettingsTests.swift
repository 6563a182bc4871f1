// Arguments, environment variables, proxies and addresses.

import ESparseFormats
import ESparseHub
import FoundationEssentials
import Testing

@Suite struct SettingsTests {
    @Test(arguments: [
        ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B", "main", nil as String?),
        ("org/name@v1.0", "org/name", "v1.0", nil), ("org/name@refs/pr/3", "org/name", "refs/pr/3", nil),
        ("o_1/n.a-b", "o_1/n.a-b", "main", nil), ("org/name@a@b", "org/name", "a@b", nil),
        ("org/name/model-Q8_0.gguf", "org/name", "main", "model-Q8_0.gguf"),
        ("org/name/sub/x.gguf@main", "org/name", "main", "sub/x.gguf"),
    ])
    func models(argument: String, repository: String, revision: String, file: String?) throws {
        let model = try #require(HubModel(argument))
        #expect(model.repository == repository && model.revision == revision && model.file == file)
    }

    @Test(arguments: [
        "", "name", "/org/name", "./name", "../name", "org/", "org/name/", "org//name", "a/b/c", "~/model", "org/name@",
        "org/../x.gguf", "org/name/../x.gguf", "models/tiny.gguf", "org/na me", "org/name@../../x", "org/name@/x",
        "-org/name", "org/name-", "or--g/name", "org/n..ame", "org/name.git", "org/näme", "org/name@a\u{0}b",
        "o/" + String(repeating: "n", count: 97), "org/name@" + String(repeating: "r", count: 2000),
    ])
    func noModels(argument: String) { #expect(HubModel(argument) == nil) }

    @Test func describesModels() {
        for text in ["org/name", "org/name@v1", "org/name/a/b.gguf@0123"] {
            #expect(HubModel(text)?.description == text)
        }
        #expect(HubModel("org/name@main")?.description == "org/name")
    }

    @Test func folders() throws {
        func cache(_ environment: [String: String]) throws -> String {
            try HubSettings(environment: environment.merging(["HOME": "/home/me"]) { given, _ in given }).cache
        }
        #expect(try cache([:]) == "/home/me/.cache/huggingface/hub")
        #expect(try cache(["XDG_CACHE_HOME": "/x"]) == "/x/huggingface/hub")
        #expect(try cache(["HF_HOME": "/hf", "XDG_CACHE_HOME": "/x"]) == "/hf/hub")
        #expect(try cache(["HF_HOME": "~/hf/"]) == "/home/me/hf/hub")
        #expect(try cache(["HF_HUB_CACHE": "$D/${E}/$", "D": "/d", "E": "e", "HF_HOME": "/hf"]) == "/d/e/$")
        #expect(try cache(["HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": ""]) == "/old")
        #expect(throws: HubError.self) { try HubSettings(environment: [:]) }
    }

    @Test func tokens() throws {
        let setting = try HubSetting()
        try Data(" from-file\n".utf8).write(to: URL(filePath: setting.folder + "/token"))
        func token(_ environment: [String: String]) throws -> HubSettings.Token? {
            try HubSettings(environment: environment.merging(["HF_HOME": setting.folder]) { $1 }).token
        }
        #expect(try token([:])?.text == "from-file")
        #expect(try token([:])?.source == setting.folder + "/token")
        #expect(try token(["HF_TOKEN": " given \n"])?.text == "given")
        #expect(try token(["HUGGING_FACE_HUB_TOKEN": "old", "HF_TOKEN": ""])?.source == "HUGGING_FACE_HUB_TOKEN")
        #expect(try token(["HF_TOKEN_PATH": setting.folder + "/none"]) == nil)
        #expect(try token(["HF_TOKEN": "x", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]) == nil)
        for bad in ["two words", "a\r\nHost: x", "schlüssel"] {
            #expect(throws: HubError.self, "\(bad)") { try token(["HF_TOKEN": bad]) }
        }
    }

    @Test func hubs() throws {
        func name(_ endpoint: String) throws -> String {
            try HubSettings(environment: ["HOME": "/", "HF_ENDPOINT": endpoint]).name
        }
        #expect(try name("") == "https://huggingface.co")
        #expect(try name("http://localhost:8080/mirror/") == "http://localhost:8080/mirror")
        for bad in ["huggingface.co", "ftp://x", "file:///etc", "http://", "https://x?y=z"] {
            #expect(throws: HubError.self, "\(bad)") { try name(bad) }
        }
        let offline = ["1", "on", "Yes", "TRUE", "0", ""].map { ["HOME": "/", "HF_HUB_OFFLINE": $0] }
        #expect(
            try offline.map { try HubSettings(environment: $0).isOffline } == [true, true, true, true, false, false])
    }

    @Test func proxies() throws {
        func proxy(_ url: String, _ environment: [String: String]) throws -> ProxyRules.Server? {
            try ProxyRules(environment: environment).server(for: #require(URL(string: url)))
        }
        let both = ["HTTPS_PROXY": "http://me:p%40ss@proxy.org:3128", "HTTP_PROXY": "plain:81"]
        let secure = try #require(try proxy("https://huggingface.co/x", both))
        #expect(secure.host == "proxy.org" && secure.port == 3128)
        #expect(secure.credentials?.name == "me" && secure.credentials?.password == "p@ss")
        let open = try #require(try proxy("http://huggingface.co/x", both))
        #expect(open.host == "plain" && open.port == 81 && open.credentials == nil)
        #expect(try proxy("https://huggingface.co/x", ["https_proxy": "a:1", "HTTPS_PROXY": "b:2"])?.host == "a")
        #expect(try proxy("https://huggingface.co/x", ["HTTP_PROXY": "a:1"]) == nil)
        for exception in [
            "*", "huggingface.co", ".co", "x.org, HuggingFace.co", "*.huggingface.co", "cdn.huggingface.co:443",
        ] {
            let environment = both.merging(["NO_PROXY": exception]) { $1 }
            #expect(try proxy("https://cdn.huggingface.co/x", environment) == nil, "\(exception)")
        }
        for other in ["ace.co", "huggingface.com", "cdn.huggingface.co:80"] {
            let environment = both.merging(["NO_PROXY": other]) { $1 }
            #expect(try proxy("https://cdn.huggingface.co/x", environment) == secure, "\(other)")
        }
        for bad in ["socks5://x:1", "https://x:1", "http://"] {
            #expect(throws: HubError.self, "\(bad)") { try ProxyRules(environment: ["https_proxy": bad]) }
        }
    }

    @Test func quoting() {
        #expect(WebAddress.quote("a/b c%#?ä", keepsSlashes: true) == "a/b%20c%25%23%3F%C3%A4")
        #expect(WebAddress.quote("refs/pr/1", keepsSlashes: false) == "refs%2Fpr%2F1")
    }

    @Test func redirects() throws {
        let here = try #require(URL(string: "https://hub.org/a/b?c=d"))
        func target(_ location: String?) throws -> String {
            try WebAddress.target(of: location, from: here, about: "it").absoluteString
        }
        #expect(try target("/x?y=z") == "https://hub.org/x?y=z")
        #expect(try target("https://cdn.org/x") == "https://cdn.org/x")
        #expect(try target("//cdn.org/x") == "https://cdn.org/x")
        for bad in [nil, "", "http://hub.org/x", "file:///etc/passwd", "unix:///x", "javascript:x", "https://"] {
            #expect(throws: HubError.self, "\(bad ?? "none")") { try target(bad) }
        }
        let open = try #require(URL(string: "http://hub.org/"))
        #expect(try WebAddress.target(of: "https://x.org/", from: open, about: "it").scheme == "https")
        #expect(WebAddress.origin(of: here) == "https://hub.org:443")
        #expect(try WebAddress.origin(of: #require(URL(string: "HTTPS://HUB.org:443/z"))) == "https://hub.org:443")
    }

    @Test func namesOfCachedModels() {
        let folder = "/c/hub/models--Qwen--Qwen2.5-0.5B/snapshots/0123"
        #expect(Checkpoint.name(of: folder) == "Qwen/Qwen2.5-0.5B")
        #expect(Checkpoint.name(of: folder + "/") == "Qwen/Qwen2.5-0.5B")
        #expect(Checkpoint.name(of: folder + "/x.gguf") == "Qwen/Qwen2.5-0.5B/x.gguf")
        #expect(Checkpoint.name(of: "/models/tiny/") == "tiny")
        #expect(Checkpoint.name(of: "/c/models--tiny/snapshots/0123") == "0123")
    }
}
