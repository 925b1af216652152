package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

type simTokenVerb struct {
	SimURL   string        `env:"CLERKSTREAM_SIM_URL" default:"http://127.0.0.1:8090" help:"Where the simulator listens (clerkstream dev, or sim --listen)."`
	User     string        `placeholder:"user_…" help:"Whose token; default: a member of --org with --role, or anybody."`
	Org      string        `placeholder:"org_…" help:"Active organization: an id, or 'any' for one that the user belongs to. Default: none; with --role, and without --user, any."`
	Role     string        `placeholder:"org:admin" help:"Role that the member must have whose token it is, where --user is not given."`
	Client   string        `enum:"web,ios,android,expo" default:"web" help:"Kind of client: ${enum}. Only web tokens name an authorized party."`
	Version  int           `enum:"1,2" default:"2" help:"Version of the claims: ${enum}."`
	Session  string        `placeholder:"sess_…" help:"Session; default: a living one of the user's. Whoever has none signs in."`
	Actor    string        `placeholder:"user_…" help:"User who impersonates --user."`
	Lifetime time.Duration `default:"1m" help:"How long it is valid, in whole seconds."`
	Wrong    string        `placeholder:"NAME" xor:"what" help:"A token that is wrong in one way; --list-wrong names them."`
	Claims   bool          `xor:"what" help:"Print what the token says instead of the token."`

	ListWrong bool `xor:"what" help:"List the wrong tokens, and the odd ones that are not."`
	World     bool `xor:"what" help:"List some users and organizations to choose from."`
}

// simTimeout bounds a question to the simulator.
const simTimeout = 10 * time.Second

func (v *simTokenVerb) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, simTimeout)
	defer cancel()
	switch {
	case v.ListWrong:
		return listWrong(os.Stdout)
	case v.World:
		var world clerksim.Sketch
		if err := v.ask(ctx, http.MethodGet, "/sim/world", nil, &world); err != nil {
			return err
		}
		return printJSON(os.Stdout, world)
	}
	var token clerksim.TokenAnswer
	if err := v.ask(ctx, http.MethodPost, "/sim/tokens", v.request(), &token); err != nil {
		return err
	}
	if v.Claims {
		return printJSON(os.Stdout, token.Claims)
	}
	_, err := fmt.Println(token.JWT)
	return err
}

func (v *simTokenVerb) request() clerksim.TokenRequest {
	return clerksim.TokenRequest{
		TokenSpec: clerksim.TokenSpec{
			User: v.User, Org: v.Org, Role: v.Role, Client: clerksim.Client(v.Client), Version: v.Version, Session: v.Session, Actor: v.Actor,
		},
		LifetimeSeconds: int(v.Lifetime / time.Second), Wrong: v.Wrong,
	}
}

// ask decodes the simulator's answer. Its errors are in Clerk's form.
func (v *simTokenVerb) ask(ctx context.Context, method, path string, body, into any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(v.SimURL, "/")+path, bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no simulator answers (clerkstream dev and sim --listen start one): %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 4<<20)) // the longest wrong token has a few megabytes
	if err != nil {
		return fmt.Errorf("read the simulator's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		var refusal struct {
			Errors []struct {
				Message string `json:"message"`
			} `json:"errors"`
		}
		if json.Unmarshal(raw, &refusal) != nil || len(refusal.Errors) == 0 {
			return fmt.Errorf("%s is no simulator: %s", v.SimURL, res.Status)
		}
		return errors.New(refusal.Errors[0].Message)
	}
	return json.Unmarshal(raw, into)
}

func listWrong(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range clerksim.ListTokens() {
		why := t.Why
		if t.Permissions != nil {
			why += "; to be accepted, and grants [" + strings.Join(t.Permissions, " ") + "]"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\n", t.Name, why)
	}
	return w.Flush()
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
