package grantor_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const spaOrigin = "https://spa.example"

// from adds the Origin that a browser sends for a script of that origin.
func from(origin string, r *http.Request) *http.Request {
	r.Header.Set("Origin", origin)
	return r
}

func TestCORS(t *testing.T) {
	f := newFixture(t)
	f.clients["conf-a"].AllowedOrigins = []string{"https://app.example", "https://app.example:8443"}
	allowed := func(res *reply) string {
		t.Helper()
		require.Empty(t, res.Header.Get("Access-Control-Allow-Credentials"), "credentials are never allowed")
		require.Contains(t, res.Header.Values("Vary"), "Origin", "a cache would mix up origins")
		return res.Header.Get("Access-Control-Allow-Origin")
	}
	endpoints := map[string]url.Values{
		"/token": refreshForm("x"), "/revoke": {"token": {"x"}}, "/introspect": {"token": {"x"}},
	}
	for path, form := range endpoints {
		t.Run("BR-02 "+path+" answers a script of an origin its client registered, errors too", func(t *testing.T) {
			for id, origin := range map[string]string{"spa": spaOrigin, "conf-a": "https://app.example:8443"} {
				res := f.do(from(origin, f.request(path, id, form)))
				if got := allowed(res); got != origin {
					t.Errorf("%s: got %q", id, got)
				}
				require.Contains(t, res.Header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate")
			}
		})
		t.Run("BR-02 "+path+" does not answer scripts of other origins, nor those of another client's", func(t *testing.T) {
			for _, c := range []struct{ id, origin string }{
				{"spa", "https://evil.example"}, {"spa", "https://app.example"}, {"conf-a", spaOrigin}, {"pub", spaOrigin}, {"m2m", "https://m2m.example"},
			} {
				if got := allowed(f.do(from(c.origin, f.request(path, c.id, form)))); got != "" {
					t.Errorf("%s from %s: got %q", c.id, c.origin, got)
				}
			}
		})
		t.Run("BR-04 "+path+" takes what is nearly a registered origin for a stranger", func(t *testing.T) {
			for _, origin := range []string{
				"null", "https://spa.example.evil", "https://SPA.example", "https://spa.example:443", "https://spa.example/", "http://spa.example",
				"https://evilspa.example", "https://spa.example, https://spa.example", "https://spa.example https://evil.example", "*", " https://spa.example",
			} {
				if got := allowed(f.do(from(origin, f.request(path, "spa", form)))); got != "" {
					t.Errorf("%q: got %q", origin, got)
				}
			}
			r := from(spaOrigin, f.request(path, "spa", form))
			r.Header.Add("Origin", "https://evil.example")
			if got := allowed(f.do(r)); got != "" {
				t.Errorf("two headers: got %q", got)
			}
		})
		t.Run("BR-03 a preflight for "+path+" allows what clients send, and says it of no origin in particular", func(t *testing.T) {
			r := from(spaOrigin, httptest.NewRequest(http.MethodOptions, issuer+path, nil))
			r.Header.Set("Access-Control-Request-Method", "POST")
			r.Header.Set("Access-Control-Request-Headers", "authorization,content-type,dpop")
			res := f.do(r)
			require.Equal(t, http.StatusNoContent, res.StatusCode)
			require.Empty(t, res.Header.Get("Access-Control-Allow-Credentials"))
			require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, "POST", res.Header.Get("Access-Control-Allow-Methods"))
			headers := strings.Split(res.Header.Get("Access-Control-Allow-Headers"), ", ")
			for _, want := range []string{"Authorization", "Content-Type", "DPoP"} {
				if !slices.Contains(headers, want) {
					t.Errorf("%s is not among %v", want, headers)
				}
			}
		})
	}
	t.Run("BR-02 a failed authentication can be read by the client's own scripts only", func(t *testing.T) {
		for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": ""} {
			form := url.Values{"client_id": {"conf-a"}, "client_secret": {"wrong"}, "grant_type": {"client_credentials"}}
			res := f.do(from(origin, f.request("/token", "", form)))
			require.Equal(t, http.StatusUnauthorized, res.StatusCode)
			if got := allowed(res); got != want {
				t.Errorf("%s: got %q, want %q", origin, got, want)
			}
		}
	})
	t.Run("BR-02 a token response is for scripts of the registered origin", func(t *testing.T) {
		q := request("spa")
		form := codeForm(f.browser("alice").code(q), q)
		res := f.do(from(spaOrigin, f.request("/token", "spa", form)))
		require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
		require.Equal(t, spaOrigin, allowed(res))
	})
	t.Run("BR-03 metadata and keys need no preflight, and grant one without credentials", func(t *testing.T) {
		for _, path := range []string{document, "/jwks"} {
			r := from("https://any.example", httptest.NewRequest(http.MethodOptions, issuer+path, nil))
			r.Header.Set("Access-Control-Request-Method", "GET")
			res := f.do(r)
			if res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s: got %d %v", path, res.StatusCode, res.Header)
			}
		}
	})
	t.Run("the authorization endpoint has no CORS at all, a preflight included", func(t *testing.T) {
		for _, path := range []string{"/authorize", "/authorize/continue"} {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
				r := from(spaOrigin, httptest.NewRequest(method, issuer+path+"?"+request("spa").Encode(), nil))
				r.Header.Set("Access-Control-Request-Method", "POST")
				for name := range f.do(r).Header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s: %s", method, path, name)
					}
				}
			}
		}
	})
	t.Run("without an Origin nothing is said of CORS", func(t *testing.T) {
		res := f.post("/token", "spa", refreshForm("x"))
		require.Empty(t, res.Header.Values("Vary"))
		require.Empty(t, res.Header.Get("Access-Control-Allow-Origin"))
	})
}

func TestMethods(t *testing.T) {
	f := newFixture(t)
	for path, allow := range map[string]string{
		"/token": "POST", "/introspect": "POST", "/revoke": "POST",
		"/authorize": "GET, POST", "/authorize/continue": "GET, POST",
		"/jwks": "GET, HEAD", document: "GET, HEAD",
	} {
		t.Run(path+" answers other methods than "+allow+" with 405 and Allow", func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get", "OPTIONS"} {
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodPost, issuer+path, strings.NewReader("token=x"))
				r.Method = method
				f.server.ServeHTTP(w, r)
				switch has := slices.Contains(strings.Split(allow, ", "), method); {
				case method == "OPTIONS":
					if w.Code != http.StatusNoContent || w.Header().Get("Allow") != allow {
						t.Errorf("OPTIONS: got %d, Allow %q", w.Code, w.Header().Get("Allow"))
					}
				case has && w.Code == http.StatusMethodNotAllowed:
					t.Errorf("%s: got 405", method)
				case !has && (w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != allow):
					t.Errorf("%s: got %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
				}
			}
		})
	}
	t.Run("HEAD of a document has the headers of GET and no body", func(t *testing.T) {
		server := httptest.NewServer(f.server)
		defer server.Close()
		for _, path := range []string{document, "/jwks"} {
			res, err := http.Head(server.URL + path)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			if res.StatusCode != http.StatusOK || res.ContentLength <= 0 {
				t.Errorf("%s: got %d with length %d", path, res.StatusCode, res.ContentLength)
			}
		}
	})
	t.Run("what is not there is 404 for every method, without CORS", func(t *testing.T) {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodDelete} {
			res := f.do(from(spaOrigin, httptest.NewRequest(method, issuer+"/nothing", nil)))
			if res.StatusCode != http.StatusNotFound || res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: got %d %v", method, res.StatusCode, res.Header)
			}
		}
	})
}
