// Package oauthtest gives a host's own tests an authorization server, people who
// are signed in to it, and access tokens of any shape.
//
//	as := oauthtest.New(t)
//	tok := as.Token(oauthtest.As{Subject: "alice", Scopes: []string{"read"}})
//
// [New] makes a *grantor.Server that lives in memory, with four clients:
// [Confidential], [Public], [Machine] and [ResourceServer]. [Server.Token] makes
// tokens directly, live ones and ones that must be refused, for tests of an API;
// one that introspects does so as [ResourceServer]. For tests of a client, [Server.Client] is an *http.Client that reaches the server, and
// whatever else [Server.Mount] puts beside it, without a network; and
// [Server.SignIn] is a person who signs in and consents.
//
// There is no socket and no goroutine, so all of it works in a bubble of
// testing/synctest, where time.Sleep makes tokens expire. Elsewhere
// [Server.Advance] moves the server's clock.
package oauthtest
