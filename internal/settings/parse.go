package settings

import (
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Parse fills grammar, a pointer to a struct of kong tags, from the environment and then from args. Whatever is wrong is added to p
// instead of ending the parse, so that one message can name every wrong setting. An empty value is an unset one. done says that --help
// or --version was asked for and printed to stdout: the binary has nothing else to do.
func Parse(p *Problems, grammar any, args []string, stdout io.Writer, options ...kong.Option) (parsed *kong.Context, done bool) {
	options = append(options, kong.Writers(stdout, stdout), kong.Exit(func(int) { done = true }))
	k, err := kong.New(grammar, append(options, collectors(p)...)...)
	if err != nil {
		// The grammar itself is wrong: a mistake in the program, which its first run shows.
		p.Add("flags", "%v", err)
		return nil, false
	}
	// kong goes on after Exit returns, and finds fault with what a person who asks for help has not given.
	parsed, err = k.Parse(args)
	if err != nil && !done {
		p.Add("flags", "%v", err)
	}
	return parsed, done
}

// collectors wrap kong's own mappers for every type in use here.
func collectors(p *Problems) []kong.Option {
	plain := kong.NewRegistry().RegisterDefaults()
	var options []kong.Option
	for _, v := range []any{"", false, int(0), int64(0)} {
		t := reflect.TypeOf(v)
		options = append(options, kong.KindMapper(t.Kind(), &collector{plain.ForType(t), p}))
	}
	duration := reflect.TypeFor[time.Duration]()
	return append(options, kong.TypeMapper(duration, &collector{plain.ForType(duration), p}))
}

// collector makes kong's first wrong value a note, so that the parse reaches the others.
type collector struct {
	kong.Mapper
	problems *Problems
}

func (c *collector) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	// A bool that stands alone has no value; what comes next on the line is not its own.
	next := ctx.Scan.Peek()
	if s, ok := next.Value.(string); ok && s == "" && (next.Type == kong.FlagValueToken || !c.IsBool()) {
		ctx.Scan.Pop()
		if !ctx.Value.HasDefault {
			return nil
		}
		ctx = ctx.WithScanner(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: ctx.Value.Default}))
	}
	if err := c.Mapper.Decode(ctx, target); err != nil {
		c.problems.Add(flagName(ctx.Value), "%v", err)
	}
	return nil
}

// IsBool is asked by kong to know whether a flag goes without a value.
func (c *collector) IsBool() bool {
	b, ok := c.Mapper.(kong.BoolMapper)
	return ok && b.IsBool()
}

func flagName(v *kong.Value) string {
	var name strings.Builder
	name.WriteString("--" + v.Name)
	for _, env := range v.Tag.Envs {
		name.WriteString(" (" + env + ")")
	}
	return name.String()
}
