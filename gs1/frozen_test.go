package gs1

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/frozen.txt and frozen-tags.txt anew: only when the state machine has a new level for it")

// What the state machine reads with: Parse, DecodeEPC and ParseEPCURI are called
// while a log is replayed, and their results, the texts of their errors
// included, end in the state. A log of any age must lead to the same bytes, so
// these results never change. More is read by the packages below this one.
//
// testdata/frozen.txt was written by the program of level 3: a line for each
// seed, and behind it the digest of what all its mutations give.
var frozenSeeds = []string{
	"", "]", "]C", "]XX", "]C1", "]C10109506000134352" + "10ABC\x1d17270131", "]d20109506000134352\x1d10ABC\x1d",
	"]e001095060001343523103000195", "]Q310ABC", "]J100106141412345678908", "]E02112345678900", "]E402345673",
	"]E02112345678900|]e099COMPOSITE\x1d98XYZ", "]I124012345678905", "]I124012345678906", "]C0A-01-02", "]Q12112345678900",
	"]Q1https://id.example.com/01/09506000134352/10/ABC", "https://id.example.com/01/09506000134352/10/ABC", "(01)09506000134352(10)ABC",
	`(10)A\(1)B(21)7`, "(spare) T1", "00106141412345678908", "010950600013435210ABC\x1d17270131", "010950600013435210ABC17270131",
	"24012345678905", "2112345678900", "416000336108", "02345673", "106141412345678908", "A-01-02", "\x1d0109506000134352", "]d10109506000134352",
	"]C142100012345", "]C14221", "]C1422999", "]C142399999", "]C14307QQ", "]C13910999123", "]C18007XX00NOIBAN", "]C18007BE71096123456769",
	"]C180131987654Ad4X4bL5ttr2310c2K", "]C180131987654Ad4X4bL5ttr2310cXK", "]C17041QQQQ", "]C172410010", "]C170401ABC", "]C170401AB!",
	"]C1811001234", "]C18112001234561234560123456", "]C17030999ABC", "]C18003006141411234525678", "]C180048004ABC", "]C180111", "]C1801101",
	"]C14309" + "02790858483015297971", "]C14324" + "2612002359", "]C172582/1", "]C17258" + "1/2", "]C18001" + "00010000100112", "]C18008261231235959",
	"]C11727020" + "0", "]C117270230", "]C14300A%2FB", "]C14300A%2", "]C1803098ab-_=", "]C180104A-/#", "]C191" + "0123456789", "]C1" + "3922" + "0299",
	"3074257BF7194E4000001A85", "3174257BF4499602D2000000", "3674257BF6B7A659B2C2BF100000000000000000000000000000", "E200301666130121155074EF",
	"3374257BF40C0E400000162E", "3B0E0CF5E76C9047759AD00373DC7602E7200", "307C257BF7194E4000001A85", "00", "300",
	"urn:epc:id:sgtin:0614141.812345.6789", "urn:epc:id:sgtin:0614141.712345.32a%2Fb", "urn:epc:id:sgtin:0614141.712345.32a%2fb.c",
	"urn:epc:tag:sgtin-96:3.0614141.812345.6789", "urn:epc:tag:sgtin-198:3.0614141.712345.32a%2Fb", "urn:epc:id:sscc:0614141.1234567890",
	"urn:epc:tag:sscc-96:3.0614141.1234567890", "urn:epc:id:grai:0614141.12345.5678", "urn:epc:id:sgln:0614141.12345.0", "urn:epc:raw:96.x3074257BF7194E4000001A85",
}

// frozen is everything the state machine can see of one input.
func frozen(in string) string {
	s, err := Parse(in)
	out := fmt.Sprintf("%+q %q %q %v %v", s.Elements, s.Symbology, s.Text, s.Rule, err)
	e, err := DecodeEPC(in)
	out += fmt.Sprintf(" | %+v %v %v", e, e.Key(), err != nil)
	e, err = ParseEPCURI(in)
	return out + fmt.Sprintf(" | %+v %v %v", e, e.Key(), err != nil)
}

// frozenTag is what the state machine of level 4 and later sees of a tag.
func frozenTag(in string) string {
	e, err := ReadTag(in)
	return fmt.Sprintf("%+v %v %v", e, e.Key(), err != nil)
}

func TestFrozen(t *testing.T) {
	compareFrozen(t, "testdata/frozen.txt", frozenSeeds, frozen)
}

// What level 4 reads tags with is as frozen: testdata/frozen-tags.txt was written
// by the first program that has that level.
func TestFrozenTags(t *testing.T) {
	seeds := []string{
		"36742580B69BB166CDE46C60A0000000000000000000000000000000", "urn:epc:id:sgtin:0614141.712345.32a%2Fb.c",
		"urn:epc:tag:sgtin-198:3.0614141.712345.32a%2Fb", "urn:epc:tag:sgtin+:0614141.712345.32a", "F71", "E20", "e2801160600002054e3a",
	}
	for _, s := range frozenSeeds {
		if strings.HasPrefix(s, "3") || strings.HasPrefix(s, "urn:") || strings.HasPrefix(s, "E2") || strings.HasPrefix(s, "0") {
			seeds = append(seeds, s)
		}
	}
	compareFrozen(t, "testdata/frozen-tags.txt", seeds, frozenTag)
}

func compareFrozen(t *testing.T, file string, seeds []string, frozen func(string) string) {
	var b strings.Builder
	for _, seed := range seeds {
		sum := sha256.New()
		for i := 0; i <= len(seed); i++ {
			for _, c := range []string{"", "0", "1", "7", "9", "A", "z", "(", "\x1d", "%", " ", "\x00", "\xff", "|"} {
				fmt.Fprintln(sum, frozen(seed[:i]+c+seed[i:]), frozen(seed[:i]+c+seed[min(i+1, len(seed)):]), frozen(c+seed[i:]+seed[:i]))
			}
		}
		fmt.Fprintf(&b, "%q\n\t%s\n\t%x\n", seed, frozen(seed), sum.Sum(nil)[:16])
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("the state machine would read old logs in another way (-then +now):\n%s", d)
	}
}
