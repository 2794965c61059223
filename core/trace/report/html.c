/* SPDX-License-Identifier: Apache-2.0 */
#include "core/trace/report/html.h"

#include <string.h>

/* A stage is of the class s1 to s9, in the order of its points: its colour. */
const char trace_html_style[] =
	":root{color-scheme:light dark;--fg:#1b1f24;--dim:#59636e;--bg:#fff;--card:#f4f6f8;"
	"--line:#d5dbe1;--bar:#3b76b3;--mark:#c62828;--heat:#a30f2d;--warn:#b00020}\n"
	"@media(prefers-color-scheme:dark){:root{--fg:#e6e9ec;--dim:#9aa4ae;--bg:#14171a;"
	"--card:#1e2328;--line:#39414a;--bar:#6ea8e0;--mark:#ff8a80;--heat:#ff7a8c;"
	"--warn:#ff8a80}}\n"
	"*{box-sizing:border-box}body{font:14px/1.45 system-ui,sans-serif;color:var(--fg);"
	"background:var(--bg);margin:0 auto;padding:24px;max-width:1120px}\n"
	"h1{font-size:22px;margin:0}h2{font-size:17px;margin:32px 0 8px}"
	"h3{font-size:14px;margin:16px 0 4px}figure h3{margin:0}p{margin:4px 0 12px}.dim{color:var(--dim)}\n"
	".warn{color:var(--warn);font-weight:600}pre{white-space:pre-wrap}\n"
	".card{background:var(--card);border:1px solid var(--line);border-radius:8px;"
	"padding:16px 20px;margin:20px 0}.card h2{margin-top:0}\n"
	".big{font-size:30px;font-weight:700;margin-right:12px}\n"
	".wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
	"td,th{padding:3px 10px;text-align:right;border-bottom:1px solid var(--line);"
	"white-space:nowrap}th{font-weight:600}.slowest td,.slowest th{padding:3px 6px}\n"
	"td.l,th.l{text-align:left}td.note{white-space:normal;text-align:left;"
	"color:var(--dim);min-width:200px}.note b{color:var(--fg)}tr.most td{font-weight:700}\n"
	".bar{display:flex;height:14px;min-width:150px;border-radius:3px;overflow:hidden}"
	".card .bar{height:34px;margin:12px 0}.bar span{overflow:hidden;color:#000;"
	"font-size:12px;line-height:34px;text-align:center;white-space:nowrap}\n"
	".bar span,.key{background:var(--c)}.key{display:inline-block;width:11px;height:11px;"
	"border-radius:2px;margin-right:6px}th.key-of{border-bottom:3px solid var(--c)}\n"
	".s1{--c:#9aa0a6}.s2{--c:#6b9bd1}.s3{--c:#f2a45c}.s4{--c:#e8787a}.s5{--c:#76b7b2}"
	".s6{--c:#7fbf6f}.s7{--c:#edc948}.s8{--c:#c493bb}.s9{--c:#b8927c}\n"
	".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr));"
	"gap:24px;margin:16px 0}figure{margin:0}svg{display:block;width:100%;height:auto}\n"
	"svg text{font:11px system-ui,sans-serif;fill:var(--dim)}svg line{stroke:var(--line)}"
	"svg rect{fill:var(--bar)}.map rect{fill:var(--heat)}svg .mark{stroke:var(--mark)}"
	"svg .value{fill:var(--fg);paint-order:stroke;stroke:var(--bg);stroke-width:3px}\n"
	"@media print{.card,figure,tr{break-inside:avoid}}\n";

void trace_html_text(const char *text, FILE *out)
{
	static const char special[] = "&<>\"", *const instead[] = { "&amp;", "&lt;", "&gt;",
								    "&quot;" };

	for (; *text; text++) {
		const char *at = strchr(special, *text);

		if (at)
			fputs(instead[at - special], out);
		else
			fputc(*text, out);
	}
}

void trace_html_number(double v, int decimals, FILE *out)
{
	char text[400];
	int length = snprintf(text, sizeof(text), "%.*f", decimals, v);
	int whole = decimals ? length - decimals - 1 : length;

	for (int i = 0; i < length; i++) {
		if (i && i < whole && (whole - i) % 3 == 0)
			fputc(',', out);
		fputc(text[i], out);
	}
}

void trace_html_time(double us, FILE *out)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	unsigned unit = 0;
	double v = us * 1000;

	for (; v >= 999.5 && unit < 3; unit++)
		v /= 1000;
	trace_html_number(v, v < 9.995 ? 2 : v < 99.95 ? 1 : 0, out);
	fprintf(out, " %s", units[unit]);
}
