package client_test

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/client"
)

func TestMatchRedirectURI(t *testing.T) {
	webClient := client.Client{ID: "web", RedirectURIs: []string{
		"https://c.example/cb", "https://c.example/q?a=b%20c", "http://127.0.0.1/cb", "https://a.example/*",
	}}
	nativeClient := native()
	nativeClient.RedirectURIs = append(nativeClient.RedirectURIs,
		"https://app.example/cb", "http://127.0.0.1:8080/fixed", "http://127.0.0.1/q?x=1", "http://127.0.0.1", "http://lan.example/cb")

	for _, c := range []struct {
		name   string
		client client.Client
		uris   []string
		want   bool
	}{
		{"what is registered matches", webClient, webClient.RedirectURIs, true},
		{"on a device too", nativeClient, nativeClient.RedirectURIs, true},
		{"RU-01 nearly the same path is another", webClient, []string{
			"https://c.example/cb/", "https://c.example/cb?x=1", "https://c.example/cb#f", "https://c.example/cb;x",
			"https://c.example/CB", "https://c.example/c%62", "https://c.example/c", "https://c.example", "https://c.example/cb?",
		}, false},
		{"RU-02 dot segments are not resolved", webClient, []string{
			"https://c.example/cb/../evil", "https://c.example/cb/./", "https://c.example/x/../cb",
			"https://c.example/cb%2f..%2fevil", "https://c.example/cb/%2e%2e/evil",
		}, false},
		{"RU-03 scheme, host and port are not normalised", webClient, []string{
			"HTTPS://c.example/cb", "https://C.example/cb", "https://c.example:443/cb", "https://c.example./cb",
		}, false},
		{"RU-22 an asterisk stands for itself alone", webClient, []string{"https://a.example/", "https://a.example/x", "https://a.example/**"}, false},
		{"RU-08 a loopback redirect may choose its port", nativeClient, []string{
			"http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", "http://[::1]:5000/cb", "http://localhost:3000/cb",
			"http://127.0.0.1:9090/fixed", "http://127.0.0.1/fixed", "http://127.0.0.1:5/q?x=1", "http://127.0.0.1:5",
		}, true},
		{"RU-09 and nothing else", nativeClient, []string{
			"http://127.0.0.1:5/cb2", "http://127.0.0.1:5/cb/", "http://127.0.0.1:5/cb?x=1", "http://127.0.0.1:5/cb#f",
			"https://127.0.0.1:5/cb", "http://127.0.0.1:5/fixed?x", "http://[::1]:5/fixed", "http://127.0.0.1:5/",
			"http://127.0.0.1:5/q?x=2", "http://127.0.0.1:5/q?x=1&y=2",
		}, false},
		{"RU-10 another spelling of the loopback host is another host", nativeClient, []string{
			"http://localhost:5/fixed", "http://127.1:5/cb", "http://2130706433:5/cb", "http://0177.0.0.1:5/cb", "http://0.0.0.0:5/cb",
			"http://127.0.0.2:5/cb", "http://[::ffff:127.0.0.1]:5/cb", "http://127.0.0.1.evil.example/cb", "http://127.0.0.1.evil.example:5/cb",
			"http://LOCALHOST:5/cb", "http://localhost.evil.example:5/cb", "http://localhost.:5/cb", "http://127.0.0.10:5/cb",
		}, false},
		{"RU-11 RG-5 a port that is none is refused", nativeClient, []string{
			"http://127.0.0.1:99999/cb", "http://127.0.0.1:65536/cb", "http://127.0.0.1:0/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:080/cb",
			"http://127.0.0.1:-1/cb", "http://127.0.0.1:+5/cb", "http://127.0.0.1:5_0/cb", "http://127.0.0.1: 5/cb", "http://127.0.0.1:５/cb",
			"http://127.0.0.1:5:6/cb", "http://u@127.0.0.1:5/cb", "http://localhost:80@evil.example/cb", "http://127.0.0.1:80@evil.example/cb",
			"http://127.0.0.1\\@evil.example/cb", "http://127.0.0.1@evil.example:5/cb",
		}, false},
		{"RU-12 other hosts and https have one port", nativeClient, []string{
			"https://app.example:5/cb", "http://lan.example:5/cb", "https://127.0.0.1:5/cb",
		}, false},
		{"RU-12 so has a client that does not run on a device", webClient, []string{"http://127.0.0.1:5/cb"}, false},
		{"RU-14 a private scheme is compared whole", nativeClient, []string{
			"com.example.app://evil/cb", "com.example.app:/cb/", "com.example.app:/CB", "com.example.app:cb", "com.example.app:///cb", "com.example.APP:/cb",
		}, false},
		{"RU-26 strange literals are not loopback", nativeClient, []string{
			"http://[::1%25lo]:5/cb", "http://[::1].evil.example/cb", "http://[127.0.0.1]/cb", "http://[::1]5/cb", "http://[0:0:0:0:0:0:0:1]:5/cb",
			"http://[" + strings.Repeat(":", 10<<10) + "]/cb",
		}, false},
		{"RU-27 what is too long is refused", nativeClient, []string{"http://127.0.0.1:5/cb?" + strings.Repeat("a", 2000)}, false},
		{"RG-5 a second line does not help", nativeClient, []string{"http://127.0.0.1:5/cb\n", "http://127.0.0.1:5/cb\nhttps://evil.example", "\nhttp://127.0.0.1/cb"}, false},
		{"nothing is not a redirect URI", nativeClient, []string{"", " ", ":", "//", "http:", "http://"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, uri := range c.uris {
				if got := c.client.MatchRedirectURI(uri); got != c.want {
					t.Errorf("%.100q: got %v, want %v", uri, got, c.want)
				}
			}
		})
	}
}

// unregistrable are URIs no client may register, with a word of the reason.
var unregistrable = map[string][2]string{
	"RU-16 javascript":                   {"javascript:alert(1)//https://c.example", "execute"},
	"RU-16 javascript in capitals":       {"JavaScript:alert(1)", "execute"},
	"RU-16 data":                         {"data:text/html,x", "execute"},
	"RU-16 vbscript":                     {"vbscript:x", "execute"},
	"RU-16 file":                         {"file:///etc/passwd", "execute"},
	"RU-16 blob":                         {"blob:https://c.example/x", "execute"},
	"RU-16 about":                        {"about:blank", "execute"},
	"RU-16 ws":                           {"ws://c.example/", "execute"},
	"RU-18 a fragment":                   {"https://c.example/cb#f", "fragment"},
	"RU-18 an empty fragment":            {"https://c.example/cb#", "fragment"},
	"RU-18 a path":                       {"/cb", "absolute"},
	"RU-18 a host without scheme":        {"//c.example/cb", "absolute"},
	"RU-18 nothing":                      {"", "absolute"},
	"RU-05 a missing host":               {"https:///cb", "host"},
	"RU-05 an opaque URI":                {"https:c.example/cb", "host"},
	"RU-05 a space":                      {"https://c.example/c b", "space"},
	"RU-05 a space at the end":           {"https://c.example/cb ", "space"},
	"RU-05 a line break":                 {"https://c.example/cb\r\nX: y", "control"},
	"RU-05 a zero-width space":           {"https://c.example/cb\u200b", "non-ASCII"},
	"RU-04 user information":             {"https://c.example@evil.example/cb", "user information"},
	"RU-04 a backslash":                  {`https://evil.example\@c.example/cb`, "backslash"},
	"RU-05 a quotation mark":             {`https://c.example/"`, "quote"},
	"RU-05 an angle bracket":             {"https://c.example/<script>", "no URI has"},
	"RU-05 a brace":                      {"https://c.example/{tenant}", "no URI has"},
	"RU-19 plain http":                   {"http://c.example/cb", "https"},
	"RU-19 plain http at 127.0.0.2":      {"http://127.0.0.2/cb", "https"},
	"RU-19 plain http at a look-alike":   {"http://localhost.evil.example/cb", "https"},
	"RU-22 a wildcard host":              {"https://*.example/cb", "wildcard"},
	"RU-27 more than 2000 bytes":         {"https://c.example/" + strings.Repeat("a", 2000), "2000"},
	"RG-12 a state of its own":           {"https://c.example/cb?state=x", "authorization response"},
	"RG-12 a code of its own, encoded":   {"https://c.example/cb?a=b&%63ode=x", "authorization response"},
	"RG-12 a broken escape in the query": {"https://c.example/cb?%zz=1", "authorization response"},
}

func TestRegisteringARedirectURI(t *testing.T) {
	for name, c := range unregistrable {
		uri, word := c[0], c[1]
		t.Run(name+" is refused", func(t *testing.T) {
			for _, registers := range []client.Client{web(), native()} {
				registers.RedirectURIs = []string{uri}
				err := registers.Validate()
				require.Equal(t, []string{"RedirectURIs"}, fields(t, err))
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%.200q does not mention %q", err, word)
				}
			}
		})
	}
	t.Run("RU-16 no option allows what a browser executes", func(t *testing.T) {
		c := native()
		c.InsecureRedirectSchemes = []string{"javascript", "JavaScript", "data", "file"}
		c.RedirectURIs = []string{"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///x"}
		require.Len(t, fields(t, c.Validate()), 4)
	})
	t.Run("RU-15 a private scheme needs a dot, or an option", func(t *testing.T) {
		c := native()
		c.RedirectURIs = []string{"myapp:/cb"}
		require.Equal(t, []string{"RedirectURIs"}, fields(t, c.Validate()))
		c.InsecureRedirectSchemes = []string{"myapp"}
		require.NoError(t, c.Validate())
	})
	t.Run("RU-15 a private scheme is for devices", func(t *testing.T) {
		c := web()
		c.RedirectURIs = []string{"com.example.app:/cb"}
		require.Equal(t, []string{"RedirectURIs"}, fields(t, c.Validate()))
	})
	t.Run("RU-19 plain http elsewhere needs an option", func(t *testing.T) {
		c := web()
		c.RedirectURIs, c.InsecureRedirectSchemes = []string{"http://lan.example/cb"}, []string{"http"}
		require.NoError(t, c.Validate())
	})
	t.Run("RU-16 RG-12 what cannot be registered matches nothing, though a source holds it", func(t *testing.T) {
		for _, name := range []string{
			"RU-16 javascript", "RU-16 javascript in capitals", "RU-16 data", "RU-18 a fragment", "RU-18 an empty fragment",
			"RU-05 a space", "RU-05 a line break", "RU-04 a backslash", "RG-12 a state of its own", "RG-12 a code of its own, encoded",
			"RU-27 more than 2000 bytes",
		} {
			uri := unregistrable[name][0]
			c := client.Client{ID: "c", RedirectURIs: []string{uri}}
			if c.MatchRedirectURI(uri) {
				t.Errorf("%s matches", name)
			}
		}
	})
}

// FuzzMatchRedirectURI holds the matching against what net/url makes of a URI:
// whatever matches is registered, or differs from a loopback redirect in a
// valid port and in nothing else.
func FuzzMatchRedirectURI(f *testing.F) {
	for _, c := range unregistrable {
		f.Add(c[0])
	}
	for _, uri := range []string{
		"http://127.0.0.1:5000/cb", "http://[::1]:1/cb", "http://localhost:65535/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:5",
		"http://u@127.0.0.1:5/cb", "http://127.0.0.1:5/q?x=1", "http://127.0.0.1:5?x", "com.example.app:/cb", "https://app.example/cb",
	} {
		f.Add(uri)
	}
	c := native()
	c.RedirectURIs = append(c.RedirectURIs, "https://app.example/cb", "http://127.0.0.1/q?x=1", "http://127.0.0.1", "http://127.0.0.1?x")
	f.Fuzz(func(t *testing.T, uri string) {
		if !c.MatchRedirectURI(uri) || slices.Contains(c.RedirectURIs, uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatalf("%q matches and is no URL: %v", uri, err)
		}
		port, err := strconv.Atoi(u.Port())
		ip, notIP := netip.ParseAddr(u.Hostname())
		loopback := u.Hostname() == "localhost" || notIP == nil && ip.IsLoopback()
		if u.Scheme != "http" || !loopback || u.User != nil || u.Fragment != "" || err != nil && u.Port() != "" || u.Port() != "" && (port < 1 || port > 65535) {
			t.Fatalf("%q matches", uri)
		}
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
		if !slices.Contains(c.RedirectURIs, u.String()) {
			t.Fatalf("%q matches, but %q is not registered", uri, u)
		}
	})
}

func BenchmarkMatchRedirectURI(b *testing.B) {
	c := native()
	b.ReportAllocs()
	for b.Loop() {
		if !c.MatchRedirectURI("http://127.0.0.1:5000/cb") {
			b.Fatal("it does not match")
		}
	}
}
