package people_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/examples/server/internal/config"
	"github.com/grantor-go/grantor/examples/server/internal/people"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/secret"
)

// counting is a Hasher that counts the slow hashes.
type counting struct {
	secret.Hasher
	n int
}

func (c *counting) Verify(ctx context.Context, d secret.Digest, plain string) (bool, bool, error) {
	c.n++
	return c.Hasher.Verify(ctx, d, plain)
}

func TestDirectory(t *testing.T) {
	hasher := &counting{Hasher: &secret.Slow{}}
	digest, err := hasher.Hash(t.Context(), "wonderland")
	require.NoError(t, err)
	d := people.New(hasher, []config.Person{{Username: "alice", Subject: "1", Password: digest}})

	t.Run("the right password gives the subject", func(t *testing.T) {
		subject, err := d.VerifyPassword(t.Context(), "alice", "wonderland")
		require.NoError(t, err)
		require.Equal(t, "1", subject)
	})
	t.Run("an unknown user costs what a wrong password costs, and is answered alike", func(t *testing.T) {
		for _, username := range []string{"alice", "nobody", ""} {
			hasher.n = 0
			_, err := d.VerifyPassword(t.Context(), username, "guess")
			require.ErrorIs(t, err, grant.ErrWrongPassword)
			require.Equal(t, 1, hasher.n)
		}
	})
	t.Run("trouble is no wrong password", func(t *testing.T) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := people.New(stuck{}, nil).VerifyPassword(gone, "alice", "wonderland")
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, errors.Is(err, grant.ErrWrongPassword))
	})
	t.Run("who is in the directory is active", func(t *testing.T) {
		for id, want := range map[string]bool{"1": true, "alice": false, "": false} {
			who, err := d.Subject(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, want, who.Active, id)
		}
		require.Equal(t, "alice", d.Name("1"))
		require.Empty(t, d.Name("2"))
	})
}

// stuck never gets its turn.
type stuck struct{ secret.Hasher }

func (stuck) Verify(ctx context.Context, _ secret.Digest, _ string) (bool, bool, error) {
	<-ctx.Done()
	return false, false, ctx.Err()
}
