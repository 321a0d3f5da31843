package interop_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestBrowserClient runs an application made with oauth4webapi in Chromium. It is
// served from another origin than the server, in fact from another site
// (localhost, where the server is 127.0.0.1), and a person signs in and agrees on
// the server's pages.
func TestBrowserClient(t *testing.T) {
	node, chromium := needs(t, "node"), needs(t, "chromium")
	needsPackages(t)

	mux := http.NewServeMux()
	application := httptest.NewServer(mux)
	t.Cleanup(application.Close)
	origin := strings.Replace(application.URL, "127.0.0.1", "localhost", 1)
	operator := client{
		"client_id": "operator", "client_secret": "operator-secret", "introspection_allowed": true,
		"allowed_cors_origins": []string{origin},
	}
	issuer := startServer(t, operator, client{
		"client_id": "spa", "token_endpoint_auth_method": "none", "client_name": "An application in the browser",
		"redirect_uris": []string{origin + "/callback", origin + "/form_post"}, "grant_types": []string{"authorization_code", "refresh_token"},
		"scope": "read offline_access", "allowed_cors_origins": []string{origin},
	})

	file := func(path, name string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) })
	}
	file("/{$}", "js/spa/index.html")
	file("/callback", "js/spa/index.html")
	file("/app.js", "js/spa/app.js")
	file("/oauth4webapi.js", "js/node_modules/oauth4webapi/build/index.js")
	mux.HandleFunc("GET /config.json", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": issuer, "client_id": "spa", "operator": operator}) // the browser will tell
	})
	mux.HandleFunc("POST /form_post", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body) // the browser will tell
	})

	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

	arguments, err := json.Marshal(map[string]any{
		"chromiumPath": chromium, "issuer": issuer, "origin": origin, "strange": application.URL,
		"username": username, "password": password, "subject": "user-1",
	})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "js/browser.mjs", string(arguments))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
