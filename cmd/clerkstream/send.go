package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

type sendVerb struct {
	target
	Type string `arg:"" optional:"" help:"Event type, for example user.created. Without one the known types are listed."`
	Body string `type:"existingfile" help:"File with the body to send instead of the sample."`
	ID   string `help:"svix-id to send under; default: a new one."`
}

// sendTimeout is Svix's own: what takes longer counts as a failed attempt.
const sendTimeout = 15 * time.Second

func (v *sendVerb) Run(ctx context.Context) error {
	if v.Type == "" && v.Body == "" {
		fmt.Println(strings.Join(clerksim.SampleTypes(), "\n"))
		return nil
	}
	if err := v.check(); err != nil {
		return err
	}
	body, err := v.content()
	if err != nil {
		return err
	}
	id := v.ID
	if id == "" {
		id = "msg_" + rand.Text()
	}
	header, err := clerksim.Sign(v.Secret, id, time.Now(), body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, v.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header = header
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("post %s: %w", id, err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	fmt.Printf("%s %s %s\n", id, answer.Status, bytes.TrimSpace(text))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the endpoint refused %s", id)
	}
	return nil
}

func (v *sendVerb) content() ([]byte, error) {
	if v.Body != "" {
		return os.ReadFile(v.Body)
	}
	sample, ok := clerksim.Sample(v.Type)
	if !ok {
		return nil, fmt.Errorf("no sample for %q; known types are:\n%s", v.Type, strings.Join(clerksim.SampleTypes(), "\n"))
	}
	return sample.Body, nil
}
