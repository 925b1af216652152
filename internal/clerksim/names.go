package clerksim

import (
	"encoding/json"
	"fmt"
	"strings"
)

func firstNames() []string {
	return []string{"Ada", "Mateo", "Zoë", "Søren", "Łucja", "Ngozi", "Noor", "花子", "Олена", "Tariq", "Maren", "Ibrahim", "Chloé", "Anaïs",
		"Kwame", "Linnéa", "Yusuf", "Priya", "Jean-Luc", "Niamh", "Ægir", "Dilnoza", "Mary Ann", "محمد"}
}

func lastNames() []string {
	return []string{"Okafor", "Lindqvist", "O’Brien", "D'Arcy", "Nguyễn", "van der Berg", "Ferreira", "佐藤", "Коваль", "Müller",
		"Ó Súilleabháin", "Haddad", "Kılıç", "Smith-Jones", "Núñez", "Achterberg", "Iyer", "Bakker", "Šimek", "Tanaka"}
}

func companyNames() []string {
	return []string{"Northwind", "Blue Heron", "Ostrava Tools", "Bäckerei 🥐", "Kestrel & Sons", "Fjord Data", "Lumen <Labs>", "Quiet Harbour",
		"Papel \"Azul\"", "三日月", "Granite Row", "Vélo Club", "Tidewater", "Orchard Street", "Cobalt Works", "Hearth"}
}

func agents() []string {
	return []string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1",
	}
}

// address is an IP of the ranges kept for documentation (RFC 5737, RFC 3849).
func (w *World) address() string {
	switch w.r.IntN(4) {
	case 0:
		return fmt.Sprintf("2001:db8:%x::%x", w.r.IntN(1<<16), w.r.IntN(1<<16))
	case 1:
		return fmt.Sprintf("198.51.100.%d", w.between(1, 254))
	default:
		return fmt.Sprintf("203.0.113.%d", w.between(1, 254))
	}
}

// mailbox invents an e-mail address, in capitals here and there, for Clerk keeps the spelling. Now and then it is one that a
// deleted user left behind.
func (w *World) mailbox() string {
	if n := len(w.freed); n > 0 && w.chance(0.2) {
		address := w.freed[n-1]
		w.freed = w.freed[:n-1]
		return address
	}
	w.serial++
	local := fmt.Sprintf("%s.%d", one(w.r, []string{"ada", "mateo", "noor", "kwame", "priya", "maren", "yusuf", "niamh"}), w.serial)
	if w.chance(0.15) {
		local = strings.ToUpper(local[:1]) + local[1:]
	}
	if w.chance(0.1) {
		local += "+clerk"
	}
	host := one(w.r, []string{"northwind", "heron", "ostrava", "fjord", "Tidewater", "cobalt", "elsewhere"})
	return local + "@" + host + ".example"
}

// phoneNumber is a North American fiction number (555-01xx).
func (w *World) phoneNumber() string {
	return fmt.Sprintf("+1%d55501%02d", w.between(201, 989), w.r.IntN(100))
}

// image is a picture URL of the length that Clerk's have.
func (w *World) image() string {
	var b strings.Builder
	b.WriteString("https://img.clerk.com/eyJ0eXBlIjoiZGVmYXVsdCIsImlpZCI6Imluc18")
	for b.Len() < 260 {
		b.WriteString(newID(w.r, ""))
	}
	return b.String()
}

// escapedMetadata is JSON text that means the same as plainer text: escapes, spaces, exponents, surrogate pairs. All of it is
// representable in Postgres' jsonb.
func escapedMetadata() []string {
	return []string{
		`{"caf\u00e9":"\u0063r\u00e8me","rocket":"\ud83d\ude80 \ud83d\ude80"}`,
		`{ "spaced" : [ 1 , 2.50 , 1e3 , -0.125 ] , "path" : "a\/b\\c" }`,
		`{"":"empty key","a.b":{"c d":"tab\there","quote\"d":"line\nbreak"},"nul":null}`,
		`{"zwj":"👩‍👩‍👧‍👦","flag":"🇳🇴","rtl":"שלום","combining":"e\u0301"}`,
	}
}

// newMetadata invents metadata, often none. Its keys avoid the names of credentials, which are blanked wherever they stand.
func (w *World) newMetadata(likely float64) json.RawMessage {
	if !w.chance(likely) {
		return nil
	}
	if w.chance(0.1) {
		return json.RawMessage(one(w.r, escapedMetadata()))
	}
	w.serial++
	m := object{
		{"plan", one(w.r, []string{"free", "team", "founder", "énergie ⚡"})},
		{"serial", w.serial},
		{"onboarding", object{
			{"done", w.chance(0.5)}, {"steps", []any{"profile", "team", w.r.IntN(5), nil}}, {"source", "landing-" + one(w.r, []string{"a", "b"})},
		}},
	}
	if w.chance(0.3) {
		m.add("note", one(w.r, []string{"naïve <b>html</b> & co", "emoji 😀 in a note", "日本語のメモ", "tab\tand \"quotes\""}))
	}
	if w.chance(0.3) {
		m.add("limits", object{
			{"api", object{{"per_minute", w.between(10, 5000)}, {"burst", nil}}}, {"ratio", json.RawMessage("0.75")}, {"big", int64(1)<<53 - 1},
		})
	}
	if w.chance(0.02) {
		m.add("history", strings.Repeat("a long story told in metadata; ", w.between(40, 200)))
	}
	return appendJSON(nil, m)
}

// newPrivateMetadata invents metadata that must stay in the webhook.
func (w *World) newPrivateMetadata() json.RawMessage {
	if !w.chance(0.3) {
		return nil
	}
	return appendJSON(nil, object{{"crm", w.id("cus_")}, {"risk", w.r.IntN(100)}, {"notes", []string{"private", "🔒"}}})
}
