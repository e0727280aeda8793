export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  const said = parentElement.querySelector("output");
  button.onclick = () => copyAddress(button, outerAddress(location.href), (address) => (said.textContent = address));
}
