// Command quickstart is an authorization server for programs: it has one client,
// which gets access tokens by the client credentials grant (RFC 6749 §4.4). It
// prints a curl line to try that with. Its address can be given as an argument.
package main

import (
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

func main() {
	addr := append(os.Args, "127.0.0.1:8080")[1] // the argument, if there is one
	plain, digest := new(secret.Checker).New()
	clients, invalid := client.NewStatic(client.Client{ID: "robot", GrantTypes: []string{client.ClientCredentials}, Scopes: []string{"read"}, Secrets: []client.Secret{{Digest: digest}}})
	server, err := grantor.New(grantor.Config{Issuer: "http://" + addr, Clients: clients, Store: memory.New(), Keys: &token.Ring{}, Logger: slog.Default()})
	if err := errors.Join(invalid, err); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("curl -u robot:%s -d grant_type=client_credentials -d scope=read http://%s/token\n", plain.Reveal(), addr)
	log.Fatal(http.ListenAndServe(addr, server))
}
