r"""The formulas of docstrings as TeX.

The key is the line of the docstring: a formula that changes there has no TeX until it is changed here too.
"""

from __future__ import annotations

IN, OUT = r"\mathrm{fan_{in}}", r"\mathrm{fan_{out}}"
BOUNDED = r"w \sim \mathcal{U}(-b,\ b), \qquad b = "
NORMAL = r"w \sim \mathcal{N}(\mathrm{mean},\ \mathrm{std}^2)"

# Realized: truncation at two standard deviations multiplies the std of the normal by 0.8796.
REALIZED = (
    r"\operatorname{std}[w] = %s, \qquad \mathrm{std}_\mathrm{parent} = \frac{\operatorname{std}[w]}{0.8796}"
)

TEX = {
    "std[w] = sqrt(2 / fan_in) realized; the parent's is that over 0.8796": (
        REALIZED % rf"\sqrt{{\frac{{2}}{{{IN}}}}}"
    ),
    "std[w] = sqrt(1 / fan_in) realized; the parent's is that over 0.8796": (
        REALIZED % rf"\sqrt{{\frac{{1}}{{{IN}}}}}"
    ),
    "std[w] = sqrt(2 / (fan_in + fan_out)) realized; the parent's is that over 0.8796": (
        REALIZED % rf"\sqrt{{\frac{{2}}{{{IN} + {OUT}}}}}"
    ),
    "w ~ U(-b, b), b = sqrt(6 / (fan_in + fan_out))": rf"{BOUNDED}\sqrt{{\frac{{6}}{{{IN} + {OUT}}}}}",
    "w ~ U(-b, b), b = gain sqrt(6 / (fan_in + fan_out))": (
        rf"{BOUNDED}\mathrm{{gain}} \sqrt{{\frac{{6}}{{{IN} + {OUT}}}}}"
    ),
    "w ~ U(-b, b), b = sqrt(6 / fan_in)": rf"{BOUNDED}\sqrt{{\frac{{6}}{{{IN}}}}}",
    "w ~ U(-b, b), b = sqrt(3 / fan_in)": rf"{BOUNDED}\sqrt{{\frac{{3}}{{{IN}}}}}",
    "w ~ U(-b, b), b = factor sqrt(3 / fan_in)": rf"{BOUNDED}\mathrm{{factor}} \sqrt{{\frac{{3}}{{{IN}}}}}",
    "w ~ U(-b, b), b = gain sqrt(3 / fan), gain = calculate_gain(nonlinearity, a)": (
        rf"{BOUNDED}\mathrm{{gain}} \sqrt{{\frac{{3}}{{\mathrm{{fan}}}}}}"
    ),
    "w ~ N(0, gain^2 / fan), gain = calculate_gain(nonlinearity, a)": (
        r"w \sim \mathcal{N}\left(0,\ \frac{\mathrm{gain}^2}{\mathrm{fan}}\right)"
    ),
    "w ~ N(0, gain^2 2 / (fan_in + fan_out))": (
        rf"w \sim \mathcal{{N}}\left(0,\ \frac{{2\,\mathrm{{gain}}^2}}{{{IN} + {OUT}}}\right)"
    ),
    "w ~ U(-b, b), b = sqrt(6 / fan_in) / w0, or b = 1 / fan_in in the first layer": (
        rf"{BOUNDED}\begin{{cases}} 1 / {IN} & \text{{in the first layer}} \\ "
        rf"\sqrt{{6 / {IN}}}\ /\ w_0 & \text{{elsewhere}} \end{{cases}}"
    ),
    "w ~ N(mean, std^2)": NORMAL,
    "w ~ N(mean, std^2) conditioned on a <= w <= b": rf"{NORMAL} \quad\text{{given}}\quad a \le w \le b",
    "w ~ N(mean, std^2) conditioned on mean + lower std <= w <= mean + upper std": (
        rf"{NORMAL} \quad\text{{given}}\quad "
        r"\mathrm{lower} \le \frac{w - \mathrm{mean}}{\mathrm{std}} \le \mathrm{upper}"
    ),
    "w ~ U(low, high)": r"w \sim \mathcal{U}(\mathrm{low},\ \mathrm{high})",
    "Var[w] = scale / fan": r"\operatorname{Var}[w] = \frac{\mathrm{scale}}{\mathrm{fan}}",
    "w = value": r"w = \mathrm{value}",
    "p(w) = exp(-|w - loc| / scale) / (2 scale)": (
        r"p(w) = \frac{1}{2\,\mathrm{scale}} \exp\left(-\frac{|w - \mathrm{loc}|}{\mathrm{scale}}\right)"
    ),
    "P(w < x) = 1 / (1 + exp(-(x - loc) / scale))": (
        r"P(w < x) = \frac{1}{1 + \exp(-(x - \mathrm{loc}) / \mathrm{scale})}"
    ),
    "p(w) ~ (1 + ((w - loc) / scale)^2 / df)^(-(df + 1) / 2)": (
        r"p(w) \propto \left(1 + \frac{1}{\mathrm{df}}"
        r"\left(\frac{w - \mathrm{loc}}{\mathrm{scale}}\right)^2\right)^{-(\mathrm{df} + 1) / 2}"
    ),
    "log(w) ~ N(mu, sigma^2)": r"\log w \sim \mathcal{N}(\mu,\ \sigma^2)",
    "p(w) ~ 1 / (1 + ((w - loc) / scale)^2) for low <= w <= high": (
        r"p(w) \propto \frac{1}{1 + ((w - \mathrm{loc}) / \mathrm{scale})^2} "
        r"\quad\text{for}\quad \mathrm{low} \le w \le \mathrm{high}"
    ),
    "P(w = values[k]) = probabilities[k]": r"P(w = \mathrm{values}_k) = \mathrm{probabilities}_k",
    "P(w = 1) = P(w = -1) = 1/2": r"P(w = 1) = P(w = -1) = \tfrac{1}{2}",
    "P(w = 1) = p": r"P(w = 1) = p",
    "p(w) = sum over k of weights[k] p_k(w)": r"p(w) = \sum_k \mathrm{weights}_k\, p_k(w)",
    "ceil(sparsity n) of the n entries of each column, of each row or of the matrix are 0": (
        r"\lceil \mathrm{sparsity} \cdot n \rceil \text{ of the } n "
        r"\text{ entries of each column, of each row or of the matrix are } 0"
    ),
    "w = 0": "w = 0",
    "w = 1": "w = 1",
    "W[o, i] = gain if o = i, else 0": (
        r"W_{o,i} = \begin{cases} \mathrm{gain} & o = i \\ 0 & \text{else} \end{cases}"
    ),
    "W[o, i, k // 2, ...] = 1 where o = i in each group, else 0": (
        r"W_{o,i,\lfloor k/2 \rfloor,\ldots} = 1 \ \text{ where } o = i \text{ in each group, else } 0"
    ),
    "W W^T = gain^2 I where outputs are fewer than inputs, W^T W = gain^2 I otherwise": (
        r"W W^\top = \mathrm{gain}^2 I \ \text{ with fewer outputs than inputs,} \quad "
        r"W^\top W = \mathrm{gain}^2 I \ \text{ otherwise}"
    ),
    "E[w^2] = scale / (fan_in + fan_out)": rf"\mathbb{{E}}[w^2] = \frac{{\mathrm{{scale}}}}{{{IN} + {OUT}}}",
    "W = value V / norm(V), V drawn by ``base``": (
        r"W = \mathrm{value}\ \frac{V}{\lVert V \rVert}, \qquad V \text{ drawn by the base}"
    ),
    "W = gain Q * [P_1, 1 - P_1] * [P_2, 1 - P_2] * ..., Q^T Q = I, P_i^2 = P_i = P_i^T": (
        r"W = \mathrm{gain}\ Q * [P_1, 1 - P_1] * [P_2, 1 - P_2] * \ldots, \qquad Q^\top Q = I, \quad "
        r"P_i^2 = P_i = P_i^\top"
    ),
    "W[c, c, y, x] = (1 - abs(y - m) / f) (1 - abs(x - m) / f), f = ceil(k / 2), m = (k - 1) / 2": (
        r"W_{c,c,y,x} = \left(1 - \frac{|y - m|}{f}\right) \left(1 - \frac{|x - m|}{f}\right), \qquad "
        r"f = \left\lceil \frac{k}{2} \right\rceil, \quad m = \frac{k - 1}{2}"
    ),
    "W[(k - 1) // 2] = gain Q, Q^T Q = I": (
        r"W_{\lfloor (k - 1) / 2 \rfloor} = \mathrm{gain}\ Q, \qquad Q^\top Q = I"
    ),
    "ceil(sparsity rows) entries of each column are 0, the others ~ N(0, std^2)": (
        r"\lceil \mathrm{sparsity} \cdot \mathrm{rows} \rceil \text{ entries of each column are } 0, \quad "
        r"\text{the others } \sim \mathcal{N}(0,\ \mathrm{std}^2)"
    ),
    "W[c r^2 + j] = V[c] for j = 0 ... r^2 - 1, V drawn by ``base`` with outputs / r^2 outputs": (
        r"W_{c r^2 + j} = V_c, \quad j = 0, \ldots, r^2 - 1, \quad "
        r"V \text{ drawn by base with } \mathrm{outputs} / r^2 \text{ outputs}"
    ),
    "W = I where outputs <= inputs, else I H I / sqrt(p), p the power of two that covers the outputs": (
        r"W = \begin{cases} I & \mathrm{outputs} \le \mathrm{inputs} \\ I H I / \sqrt{p} & \text{else,} "
        r"\end{cases} \quad p \text{ the power of two that covers the outputs}"
    ),
    "W[c, c, y, x] = (1 - abs(y / f - m)) (1 - abs(x / f - m)), f = ceil(k / 2), m = (2f - 1 - f % 2) / 2f": (
        r"W_{c,c,y,x} = \left(1 - \left|\tfrac{y}{f} - m\right|\right) "
        r"\left(1 - \left|\tfrac{x}{f} - m\right|\right), "
        r"\quad f = \lceil k / 2 \rceil, \quad m = \frac{2 f - 1 - f \bmod 2}{2 f}"
    ),
    "A[n, k] = -sqrt((2n + 1)(2k + 1)) where n > k, -(n + 1) where n = k, else 0": (
        r"A_{n,k} = \begin{cases} -\sqrt{(2n + 1)(2k + 1)} & n > k \\ -(n + 1) & n = k \\ 0 & n < k "
        r"\end{cases}"
    ),
    "A[n, k] = -sqrt((2n + 1)(2k + 1)), times (-1)^(n - k) where n < k": (
        r"A_{n,k} = -\sqrt{(2n + 1)(2k + 1)} \cdot \begin{cases} 1 & n \ge k \\ (-1)^{n - k} & n < k "
        r"\end{cases}"
    ),
    "B[..., n] = sqrt(2n + 1)": r"B_n = \sqrt{2n + 1}",
    "w[..., n] = pi n, of A[n] = -1/2 + i pi n": r"w_n = \pi n, \qquad A_n = -\tfrac{1}{2} + i \pi n",
    "w[..., n] = N/pi (N / (2n + 1) - 1) for N/2 values, of A[n] = -1/2 + i w[n]": (
        r"w_n = \frac{N}{\pi} \left(\frac{N}{2n + 1} - 1\right), \quad n < \tfrac{N}{2}, \qquad "
        r"A_n = -\tfrac{1}{2} + i w_n"
    ),
    "w[..., n] = log(n + 1), of A[n] = -(n + 1)": r"w_n = \log(n + 1), \qquad A_n = -(n + 1)",
    "w = log(-log(U(r_min^2, r_max^2)) / 2), so that abs(lambda) = exp(-exp(w))": (
        r"w = \log\left(-\tfrac{1}{2} \log u\right), \quad u \sim \mathcal{U}(r_\min^2,\ r_\max^2), \qquad "
        r"|\lambda| = e^{-e^w}"
    ),
    "w = log(U(0, max_phase))": r"w = \log \theta, \qquad \theta \sim \mathcal{U}(0,\ \mathrm{max\_phase})",
    "w = log(1 - abs(lambda)^2) / 2 where abs(lambda)^2 ~ U(r_min^2, r_max^2)": (
        r"w = \tfrac{1}{2} \log(1 - |\lambda|^2), \qquad |\lambda|^2 \sim \mathcal{U}(r_\min^2,\ r_\max^2)"
    ),
    "softplus(w) = exp(U(log shortest, log longest))": (
        r"\log(1 + e^w) = e^v, \qquad v \sim \mathcal{U}(\log \mathrm{shortest},\ \log \mathrm{longest})"
    ),
    "w = log(U(low, high))": r"w = \log v, \qquad v \sim \mathcal{U}(\mathrm{low},\ \mathrm{high})",
    "w[..., h] = -5 + 8 (h / (H - 1))^(0.7 + 1.3 l / (L - 1))": (
        r"w_h = -5 + 8 \left(\frac{h}{H - 1}\right)^{0.7 + 1.3 \frac{l}{L - 1}}"
    ),
    "w[..., h] = log(0.3) + ((h + 1) mod 3 - 1) / 2": r"w_h = \log 0.3 + \tfrac{1}{2} ((h + 1) \bmod 3 - 1)",
    "w[..., i] = (i / C)^r, r = 1 - l / L; 0.3 l / (L - 1) more for values, r / 2 for receptances": (
        r"w_i = \left(\frac{i}{C}\right)^{1 - l / L} \quad \text{(values: } + 0.3 \tfrac{l}{L - 1} "
        r"\text{; receptances: half the exponent)}"
    ),
    "W[t, 0, f] = window[t] cos(2 pi t f / F) / norm for the real side, -sin for the imaginary one": (
        r"W_{t,0,f} = \frac{\mathrm{window}_t}{\mathrm{norm}} \cos\frac{2 \pi t f}{F} "
        r"\ \text{ (real side; } -\sin \text{ for the imaginary one)}"
    ),
}
