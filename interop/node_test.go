package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNodeClient runs openid-client in Node.js: discovery, authorization code with
// PKCE for a public and a confidential client, refresh, introspection, revocation,
// client credentials. The program prints what the person has to open.
func TestNodeClient(t *testing.T) {
	node := needs(t, "node")
	needsPackages(t)
	web := webClient("http://127.0.0.1/callback")
	web["application_type"] = "native" // for the port that the program finds
	app := appClient()
	issuer := startServer(t, web, app)
	arguments, err := json.Marshal(map[string]any{"issuer": issuer, "web": web, "app": app, "resource": resource, "subject": "user-1"})
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "js/openid_client.mjs", string(arguments))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	visits, done := 0, false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var said struct {
			Open string
			Done bool
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &said), "%s", lines.Text())
		done = said.Done
		if said.Open == "" {
			continue
		}
		visits++
		back := newPerson(t).allow(said.Open)
		res, err := http.Get(back.String())
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	require.NoError(t, cmd.Wait(), "%s", &stderr)
	require.True(t, done)
	require.Equal(t, 4, visits)
}
