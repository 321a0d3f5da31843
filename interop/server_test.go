package interop_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the clients are told of the server.
const (
	webID, webSecret = "web client", "s%c+r e:t&x/=?~" // a space, and what encodings get wrong
	username         = "alice"
	password         = "wonderland"
	resource         = "https://api.example"
)

// program is the built server.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "interop")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		program = filepath.Join(dir, "server")
		cmd := exec.Command("go", "build", "-o", program, ".")
		cmd.Dir = "../examples/server"
		cmd.Env = append(os.Environ(), "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// A client is one of the file's, by the names of RFC 7591.
type client map[string]any

// startServer runs the server with the clients and returns its issuer.
func startServer(t *testing.T, clients ...client) string {
	t.Helper()
	address := freeAddress(t)
	issuer := "http://" + address
	file, err := json.Marshal(map[string]any{
		"issuer": issuer, "listen": address,
		"scopes": []string{"read", "write"},
		"users": []any{
			map[string]any{"username": username, "password": password, "claims": map[string]any{"sub": "user-1"}},
		},
		"clients":   clients,
		"resources": []any{map[string]any{"identifier": resource, "scopes": []string{"read"}, "access_token_format": "jwt"}},
	})
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "server.json")
	require.NoError(t, os.WriteFile(name, file, 0o600))

	cmd := exec.Command(program, "-config", name)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	cmd.Stderr = log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // unless it has ended
		_ = cmd.Wait()
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("the server's log:\n%s", text)
		}
	})
	require.Eventually(t, func() bool {
		res, err := http.Get(issuer + "/.well-known/oauth-authorization-server")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond)
	return issuer
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// webClient is confidential and may do everything.
func webClient(redirectURIs ...string) client {
	return client{
		"client_id": webID, "client_secret": webSecret, "client_name": "The Web", "redirect_uris": redirectURIs,
		"grant_types": []string{"authorization_code", "refresh_token", "client_credentials", "password"},
		"scope":       "read write offline_access",
	}
}

// appClient is public, on a person's device.
func appClient() client {
	return client{
		"client_id": "app", "application_type": "native", "token_endpoint_auth_method": "none", "client_name": "The App",
		"redirect_uris": []string{"http://127.0.0.1/callback"},
		"grant_types":   []string{"authorization_code", "refresh_token"}, "scope": "read offline_access",
	}
}

// needs finds a program. Where it must be there, its absence is a failure.
func needs(t *testing.T, name string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%s is not installed; run setup.sh", name)
	}
	return found
}

// needsPackages checks that the JavaScript clients are installed.
func needsPackages(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("js/node_modules/openid-client"); err != nil {
		missing(t, "the JavaScript clients are not installed; run setup.sh")
	}
}

func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
