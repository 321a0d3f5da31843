package resource_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/resource"
)

func TestMetadata(t *testing.T) {
	for _, c := range []struct{ identifier, url string }{
		{"https://api.example", "https://api.example/.well-known/oauth-protected-resource"},
		{"https://api.example/", "https://api.example/.well-known/oauth-protected-resource"},
		{"https://api.example/v1", "https://api.example/.well-known/oauth-protected-resource/v1"},
		{"https://api.example/v1/", "https://api.example/.well-known/oauth-protected-resource/v1/"},
		{"https://api.example:8443/a/b%20c", "https://api.example:8443/.well-known/oauth-protected-resource/a/b%20c"},
		{"https://api.example/a{b}", "https://api.example/.well-known/oauth-protected-resource/a%7Bb%7D"},
		{"http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp"},
	} {
		t.Run("MD-12 the challenge leads to the metadata of "+c.identifier, func(t *testing.T) {
			guard := resource.Guard{
				Verifier: says(claims()), Resource: c.identifier,
				AuthorizationServers: []string{issuer}, Scopes: []string{"read", "write"},
			}
			mux := http.NewServeMux()
			mux.Handle("/", guard.Require("read")(passed))
			mux.Handle(guard.Metadata())

			res, _ := send(mux, httptest.NewRequest(http.MethodGet, "/notes", nil))
			location := challenge(t, res)["resource_metadata"]
			require.Equal(t, c.url, location)

			r := httptest.NewRequest(http.MethodGet, location, nil)
			r.Header.Set("Origin", "https://inspector.example")
			res, body := send(mux, r)
			require.Equal(t, http.StatusOK, res.StatusCode, "%s", body)
			var got map[string]any
			require.NoError(t, json.Unmarshal([]byte(body), &got))
			require.Equal(t, map[string]any{
				"resource":                 c.identifier,
				"authorization_servers":    []any{issuer},
				"scopes_supported":         []any{"read", "write"},
				"bearer_methods_supported": []any{"header"},
			}, got)
			require.Equal(t, "application/json", res.Header.Get("Content-Type"))
			require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
			require.Empty(t, res.Header.Get("Access-Control-Allow-Credentials"))
			require.Contains(t, res.Header.Get("Cache-Control"), "max-age=")

			res, _ = send(mux, httptest.NewRequest(http.MethodGet, strings.TrimSuffix(location, "/")+"/below", nil))
			require.Equal(t, http.StatusUnauthorized, res.StatusCode, "the metadata is at one path, not below it")
		})
	}
	guard := resource.Guard{Verifier: says(claims()), Resource: api, AuthorizationServers: []string{issuer}}
	_, h := guard.Metadata()
	t.Run("MD-12 every challenge carries resource_metadata, also that for more scopes", func(t *testing.T) {
		for status, r := range map[int]*http.Request{401: httptest.NewRequest(http.MethodGet, api, nil), 403: with("tok")} {
			res, _ := send(guard.Require("admin")(passed), r)
			require.Equal(t, status, res.StatusCode)
			if got := challenge(t, res)["resource_metadata"]; got == "" {
				t.Errorf("%d carries none", status)
			}
		}
	})
	t.Run("without authorization servers no challenge promises metadata", func(t *testing.T) {
		res, _ := send(resource.Guard{Verifier: says(claims()), Resource: api}.Require()(passed), httptest.NewRequest(http.MethodGet, api, nil))
		require.NotContains(t, challenge(t, res), "resource_metadata")
	})
	t.Run("scopes that are not named are not advertised", func(t *testing.T) {
		_, body := send(h, httptest.NewRequest(http.MethodGet, "/", nil))
		require.NotContains(t, body, "scopes_supported")
	})
	for method, status := range map[string]int{
		http.MethodHead: 200, http.MethodOptions: 204, http.MethodPost: 405, http.MethodDelete: 405, "BREW": 405,
	} {
		t.Run("it answers "+method, func(t *testing.T) {
			r := httptest.NewRequest(method, "/", nil)
			r.Header.Set("Access-Control-Request-Method", "GET")
			r.Header.Set("Access-Control-Request-Headers", "mcp-protocol-version")
			res, _ := send(h, r)
			require.Equal(t, status, res.StatusCode)
			require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
			if status != 200 {
				require.Equal(t, "GET, HEAD, OPTIONS", res.Header.Get("Allow"))
			}
			if status == 204 {
				require.Equal(t, "GET, HEAD", res.Header.Get("Access-Control-Allow-Methods"))
				require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Headers"))
			}
		})
	}
}
