// The body of a function: the texts of the page whose colour is too near to that behind them.
const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
const linear = (part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
const isClear = (colour) => numbers(colour)[3] === 0;
const behind = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return isClear(colour) && element.parentElement ? behind(element.parentElement) : colour;
};
const contrast = (element) => {
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const [light, dark] = [colour, behind(element)].map(numbers).map(luminance).sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
};
const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
const texts = [...document.body.querySelectorAll("*")].filter((element) =>
    hasText(element) && !["title", "NOSCRIPT", "SCRIPT"].includes(element.tagName));
if (texts.length < 50) return [`only ${texts.length} texts`];
return texts.filter((element) => contrast(element) < 4.5)
    .map((element) => `${element.textContent.slice(0, 40)}: ${contrast(element).toFixed(2)}`);
